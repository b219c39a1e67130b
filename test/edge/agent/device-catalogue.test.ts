import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FatalError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { CatalogueFile } from '../../../edge/catalogue-file.js';
import { DeviceCatalogue } from '../../../edge/device-catalogue.js';
import { describeSensor } from '../../support/packs.js';
import { tempDir } from '../../support/temp-dir.js';

const device = { site: 'plant1', device: 'press-07' };
const sensors = (catalogue: DeviceCatalogue) =>
  catalogue.versions.map((version) => Object.keys(version.catalogue.sensors));

async function inFolder(): Promise<(who?: typeof device) => DeviceCatalogue> {
  const path = join(await tempDir(), 'deep', 'catalogues.json');
  return (who = device) => {
    const catalogue = new DeviceCatalogue(who, new CatalogueFile(path, silentLogger));
    void catalogue.start();
    return catalogue;
  };
}

it('grows with the sensors that come up, and tells of each change once', () => {
  const catalogue = new DeviceCatalogue(device);
  const hashes: string[] = [];
  const off = catalogue.onChange(() => hashes.push(catalogue.current.hash));
  catalogue.describe({ a: describeSensor() });
  catalogue.describe({ a: describeSensor() });
  catalogue.describe({ b: describeSensor({ unit: 'V' }) });
  off();
  catalogue.describe({ c: describeSensor() });
  expect(new Set(hashes).size).toBe(2);
  expect([...catalogue.current.units]).toEqual([
    ['a', 'Cel'],
    ['b', 'V'],
    ['c', 'Cel'],
  ]);
});

it('keeps the catalogues that packs named, over a restart, and no others', async () => {
  const open = await inFolder();
  const first = open();
  first.describe({ a: describeSensor() });
  first.use();
  first.describe({ b: describeSensor() });
  first.describe({ c: describeSensor() });
  expect(sensors(first)).toEqual([['a'], ['a', 'b', 'c']]);
  first.use();
  const second = open();
  expect(sensors(second)).toEqual([['a'], ['a', 'b', 'c'], []]);
  second.describe({ a: describeSensor() });
  expect(sensors(second)).toEqual([['a', 'b', 'c'], ['a']]);
  expect(second.use().hash).toBe(second.current.hash);
});

it('forgets those of another name, and the oldest of very many', async () => {
  const open = await inFolder();
  const catalogue = open();
  for (let i = 0; i < 20; i += 1) {
    catalogue.describe({ [`s${i}`]: describeSensor() });
    catalogue.use();
  }
  expect(catalogue.versions).toHaveLength(16);
  expect(open({ site: 'plant1', device: 'other' }).versions).toHaveLength(1);
});

it('starts without its file when that is broken', async () => {
  const path = join(await tempDir(), 'catalogues.json');
  await writeFile(path, '[{"site":');
  const catalogue = new DeviceCatalogue(device, new CatalogueFile(path, silentLogger));
  void catalogue.start();
  catalogue.describe({ a: describeSensor() });
  catalogue.use();
  expect(JSON.parse(await readFile(path, 'utf8'))).toHaveLength(1);
});

it('goes on measuring when its file cannot be written', async () => {
  const noFolder = join(await tempDir(), 'file');
  await writeFile(noFolder, '');
  const catalogue = new DeviceCatalogue(device, new CatalogueFile(join(noFolder, 'catalogues.json'), silentLogger));
  void catalogue.start();
  expect(catalogue.use().hash).toBe(catalogue.current.hash);
});

it('refuses what the contract allows nobody to send', () => {
  const catalogue = new DeviceCatalogue(device);
  expect(() => catalogue.describe({ 'bad name': describeSensor() })).toThrow(FatalError);
  expect(() => catalogue.describe({ a: { ...describeSensor(), quantity: 'Temp' } })).toThrow('sensors.a.quantity');
});
