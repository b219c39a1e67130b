import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const rooms = ['core', 'edge', 'gateway', 'cloud', 'simulators', 'grafana', 'cli'];

/** What each room may import beside itself and packages. Only `cli` brings the parts together. */
const allowed: Record<string, readonly string[]> = {
  core: [],
  edge: ['core'],
  gateway: ['core'],
  cloud: ['core'],
  simulators: ['core'],
  grafana: ['core'],
  cli: ['core', 'edge', 'gateway', 'cloud', 'simulators'],
};

/** The path of a reading inside the cloud and the core: a folder may import only these neighbours. */
const core: Record<string, readonly string[]> = {
  contract: [],
  signal: ['contract'],
  log: ['contract', 'runtime'],
  runtime: ['contract'],
};

function sources(room: string): string[] {
  return readdirSync(join(root, room), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

/** The path below the root that an import of one of our files leads to; undefined for a package. */
function target(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('#core/')) return specifier.slice(1);
  return specifier.startsWith('.') ? relative(root, resolve(dirname(file), specifier)) : undefined;
}

describe('rooms import only along the drawn path', () => {
  it.each(rooms)('%s', (room) => {
    const wrong: string[] = [];
    for (const file of sources(room)) {
      for (const specifier of imports(file)) {
        const to = target(file, specifier)?.split('/')[0];
        if (to !== undefined && to !== room && !allowed[room]!.includes(to))
          wrong.push(`${relative(root, file)} imports ${specifier}`);
        if (to !== undefined && to !== room && specifier.startsWith('.') && to === 'core')
          wrong.push(`${relative(root, file)} must import #core/…`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(Object.keys(core))('core/%s', (folder) => {
    const wrong: string[] = [];
    for (const file of sources(join('core', folder))) {
      for (const specifier of imports(file)) {
        const to = target(file, specifier)?.split('/')[1];
        if (to !== undefined && to !== folder && !core[folder]!.includes(to))
          wrong.push(`${relative(root, file)} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('the contract stands on zod, compression and hashing alone', () => {
    const packages = sources('core/contract')
      .flatMap(imports)
      .filter((specifier) => !specifier.startsWith('.'));
    expect([...new Set(packages)].sort()).toEqual(['node:crypto', 'node:zlib', 'zod']);
  });

  it('pure rooms read no clock and no chance', () => {
    const impure = [...sources('core/contract'), ...sources('core/signal'), ...sources('edge/filters')].filter((file) =>
      /Date\.now\(|Math\.random\(|setInterval\(|setTimeout\(|process\./.test(readFileSync(file, 'utf8')),
    );
    expect(impure.map((file) => relative(root, file))).toEqual([]);
  });
});

it('only the root folders of the design exist', () => {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .filter((name) => !['node_modules', 'dist', 'data'].includes(name));
  expect(folders.sort()).toEqual([
    'cli',
    'cloud',
    'core',
    'deploy',
    'docs',
    'edge',
    'gateway',
    'grafana',
    'simulators',
    'test',
  ]);
});
