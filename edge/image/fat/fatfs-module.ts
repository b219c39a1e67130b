import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { create, type DiskIO, type FatFs, type FatFsOptions } from 'js-fatfs';
import { FatalError } from '#core/runtime/errors.js';

type Receive = (instance: WebAssembly.Instance) => void;

let compiled: Promise<WebAssembly.Module> | undefined;

/** Compiled once: a batch opens one FAT for each card. */
function fatfsModule(): Promise<WebAssembly.Module> {
  const folder = dirname(createRequire(import.meta.url).resolve('js-fatfs'));
  compiled ??= readFile(join(folder, 'fatfs.wasm')).then((bytes) => WebAssembly.compile(bytes));
  return compiled;
}

/**
 * FatFs with a clock that stands still. The package takes the time of the machine and in its zone; there is no option, but
 * what its WebAssembly asks for the time can be replaced where it is instantiated, so that the same inputs give the same bytes.
 */
export async function createFatFs(diskio: DiskIO, timeMs: number): Promise<FatFs> {
  const module = await fatfsModule();
  const options: FatFsOptions & { instantiateWasm: (imports: WebAssembly.Imports, receive: Receive) => object } = {
    diskio,
    instantiateWasm: (imports, receive) => {
      const localTime = (_low: number, _high: number, at: number): void => writeTime(memoryOf(instance), at, timeMs);
      const instance: WebAssembly.Instance = new WebAssembly.Instance(module, withLocalTime(imports, localTime));
      receive(instance);
      return instance.exports;
    },
  };
  return create(options);
}

function memoryOf({ exports }: WebAssembly.Instance): ArrayBuffer {
  const memory = Object.values(exports).find((item) => item instanceof WebAssembly.Memory);
  if (memory === undefined) throw new FatalError('bad-config', 'this version of js-fatfs has no memory');
  return memory.buffer;
}

function withLocalTime(imports: WebAssembly.Imports, localTime: WebAssembly.ImportValue): WebAssembly.Imports {
  let replaced = 0;
  const groups = Object.entries(imports).map(([group, values]) => {
    const entries = Object.entries(values).map(([name, value]) => {
      if (typeof value !== 'function' || value.name !== '__localtime_js') return [name, value] as const;
      replaced++;
      return [name, localTime] as const;
    });
    return [group, Object.fromEntries(entries)] as const;
  });
  if (replaced !== 1)
    throw new FatalError('bad-config', 'this version of js-fatfs asks for the time in an unknown way');
  return Object.fromEntries(groups);
}

/** Fills C's `struct tm`. FAT knows no zone: UTC, and the years from 1980 to 2107. */
function writeTime(memory: ArrayBuffer, at: number, timeMs: number): void {
  const time = new Date(Math.min(Math.max(timeMs, Date.UTC(1980)), Date.UTC(2108) - 1000));
  const fields = [
    time.getUTCSeconds(),
    time.getUTCMinutes(),
    time.getUTCHours(),
    time.getUTCDate(),
    time.getUTCMonth(),
    time.getUTCFullYear() - 1900,
    time.getUTCDay(),
  ];
  new Int32Array(memory, at, 10).set([...fields, 0, 0, 0]);
}
