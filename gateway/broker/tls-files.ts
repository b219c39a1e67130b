import { createHash, X509Certificate } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';

/** Paths of PEM files. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
  /** Authorities of the devices and clients that show a certificate; without it none is asked for. */
  readonly ca?: string | undefined;
  /** The authority of enrolment, which is believed beside them. */
  readonly enrolmentCa?: string | undefined;
}

/** What the files held when they were read. */
export interface TlsMaterial {
  readonly context: SecureContextOptions;
  /** Tells one content from another. */
  readonly digest: string;
  /** When the certificate of the gateway ends, in milliseconds since the Unix epoch. */
  readonly expiresMs: number;
}

/** Reads and checks the files. Throws an Error that says what is wrong with them. */
export async function readTlsFiles({ key, cert, ca, enrolmentCa }: TlsFiles): Promise<TlsMaterial> {
  const paths = [ca, enrolmentCa].filter((path) => path !== undefined);
  const authorities = await Promise.all(paths.map((path) => readFile(path)));
  const context = {
    key: await readFile(key),
    cert: await readFile(cert),
    ...(authorities.length > 0 && { ca: authorities }),
    minVersion: 'TLSv1.2',
  } as const;
  // Throws for a key of another certificate.
  createSecureContext(context);
  const { validTo } = new X509Certificate(context.cert);
  for (const authority of authorities) new X509Certificate(authority);
  const hash = createHash('sha256');
  for (const part of [context.key, context.cert, ...authorities]) hash.update(part).update('\0');
  return { context, digest: hash.digest('hex'), expiresMs: Date.parse(validTo) };
}

export interface TlsReloadOptions {
  readonly server: Server;
  readonly files: TlsFiles;
  readonly loaded: TlsMaterial;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onLoaded: (material: TlsMaterial) => void;
  /** How often the files are read even if the system says nothing. */
  readonly pollMs?: number;
}

/** Key and certificate are two files: whoever changes both is given this time. */
const settleMs = 200;

/**
 * Takes new files into use as they come, for connections to come; those that stand go on. Files that cannot be used are
 * an error in the log, once for each content, and what is in use stays.
 */
export class TlsReload {
  private readonly ending = new AbortController();
  private readonly watchers: FSWatcher[] = [];
  private waking = new AbortController();

  constructor(private readonly options: TlsReloadOptions) {}

  start(): void {
    const { key, cert, ca, enrolmentCa } = this.options.files;
    // Folders, for a file that is replaced is another file.
    const folders = new Set(
      [key, cert, ca, enrolmentCa].flatMap((path) => (path === undefined ? [] : [dirname(path)])),
    );
    for (const folder of folders) this.watch(folder);
    void this.run();
  }

  stop(): void {
    this.ending.abort();
    this.waking.abort();
    for (const watcher of this.watchers) watcher.close();
  }

  private watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.waking.abort());
      watcher.on('error', () => watcher.close());
      this.watchers.push(watcher);
    } catch (error) {
      this.options.logger.warn(
        { folder, error: messageOf(error) },
        'TLS files are not watched, only read now and then',
      );
    }
  }

  private async run(): Promise<void> {
    const { clock, loaded, pollMs = 30_000 } = this.options;
    let inUse = loaded.digest;
    let lastFault: string | undefined;
    for (;;) {
      await clock.sleep(pollMs, this.waking.signal);
      await clock.sleep(settleMs, this.ending.signal);
      if (this.ending.signal.aborted) return;
      this.waking = new AbortController();
      const found = await this.read();
      if (typeof found === 'string') {
        if (found !== lastFault)
          this.options.logger.error({ error: found }, 'new TLS files cannot be used: the old stay');
        lastFault = found;
        continue;
      }
      lastFault = undefined;
      if (found.digest === inUse) continue;
      inUse = found.digest;
      this.use(found);
    }
  }

  /** A text says why not. */
  private read(): Promise<TlsMaterial | string> {
    return readTlsFiles(this.options.files).catch(messageOf);
  }

  private use(material: TlsMaterial): void {
    const { server, logger, onLoaded } = this.options;
    server.setSecureContext(material.context);
    logger.info({ expires: new Date(material.expiresMs).toISOString() }, 'new TLS files are in use');
    onLoaded(material);
  }
}
