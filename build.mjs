// Transpiles every TypeScript source to dist/ (Node 20 strips no types) and bundles the console for browsers.
// esbuild does the whole tree in well under a second, so there is no incremental state to go stale.
import { build } from 'esbuild';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const outdir = join(root, 'dist');
const rooms = ['core', 'edge', 'gateway', 'cloud', 'simulators', 'cli', 'grafana', 'test'];
const page = join(root, 'cloud/console/page');

async function sources(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** When this was built; a reproducible build says it itself. */
function builtMs() {
  const epoch = Number(process.env.SOURCE_DATE_EPOCH);
  return epoch > 0 ? epoch * 1000 : Date.now();
}

/** What a device gets as it is: scripts and units beside the code that lays them out. */
async function copyDeviceFiles() {
  const edge = join(root, 'edge');
  const entries = await readdir(edge, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter(({ name }) => /\.(sh|service)$/.test(name))) {
    const from = join(entry.parentPath, entry.name);
    await cp(from, join(outdir, relative(root, from)));
  }
}

const all = (await Promise.all(rooms.map((room) => sources(join(root, room))))).flat();
const server = all.filter((file) => !file.startsWith(page));

await build({
  entryPoints: server,
  outdir,
  outbase: root,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
// No time before it is believed: a board without a clock of its own starts in 1970.
await writeFile(join(outdir, 'build.json'), JSON.stringify({ builtMs: builtMs() }));
// A compiled file whose source is gone would still run: remove it.
const wanted = new Set(server.map((file) => join(outdir, relative(root, file).replace(/\.ts$/, '.js'))));
for (const room of rooms) {
  const built = await readdir(join(outdir, room), { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of built) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && file.endsWith('.js') && !file.includes('/assets/') && !wanted.has(file)) {
      await Promise.all([rm(file), rm(`${file}.map`, { force: true })]);
    }
  }
}

await copyDeviceFiles();
const assets = join(outdir, 'cloud/console/assets');
await mkdir(assets, { recursive: true });
if (all.includes(join(page, 'main.ts'))) {
  await build({
    entryPoints: [join(page, 'main.ts'), join(page, 'early.ts')],
    outdir: assets,
    bundle: true,
    minify: true,
    sourcemap: true,
    platform: 'browser',
    target: ['es2022'],
    format: 'esm',
    logLevel: 'warning',
  });
  for (const entry of await readdir(page)) {
    if (/\.(html|css|svg)$/.test(entry)) await cp(join(page, entry), join(assets, entry));
  }
  await cp(join(root, 'node_modules/uplot/dist/uPlot.min.css'), join(assets, 'uplot.css'));
}
