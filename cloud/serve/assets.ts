import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { systemCode } from '#core/runtime/errors.js';
import type { ApiRequest } from './api-context.js';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
};
const maxFileBytes = 8 * 1024 * 1024;

interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

/**
 * The files of the console, read once into memory: a request can name only what was found in the folder, so no path
 * leads out of it. Browsers may keep them but ask each time whether they still hold.
 */
export class Assets {
  private readonly files = new Map<string, Asset>();

  /** A folder that is not there is an empty one: the API works without a console. */
  async load(folder: string): Promise<void> {
    this.files.clear();
    for (const file of await filesBelow(folder)) {
      const type = types[extname(file)];
      if (type === undefined || (await stat(file)).size > maxFileBytes) continue;
      const body = new Uint8Array(await readFile(file));
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
      this.files.set(`/${relative(folder, file).split(sep).join('/')}`, { body, type, etag });
    }
  }

  /** Undefined for a path that is no file. */
  answer(c: ApiRequest): Response | undefined {
    const path = c.req.path === '/' ? '/index.html' : c.req.path;
    const asset = this.files.get(path);
    if (!asset) return undefined;
    const headers = { 'Content-Type': asset.type, ETag: asset.etag, 'Cache-Control': 'no-cache' };
    const known = (c.req.header('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    if (known.includes(asset.etag) || known.includes('*')) return new Response(null, { status: 304, headers });
    return new Response(asset.body, { headers });
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
