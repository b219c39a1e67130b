import { existsSync } from 'node:fs';
import { SerialPort } from 'serialport';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { haveServers } from './ensure.js';
import { startSerialLine, type SerialLine } from './socat.js';
import { waitFor } from './wait-for.js';

describe.skipIf(!(await haveServers('socat')))('a serial line of socat', () => {
  let line: SerialLine;
  beforeEach(async () => {
    line = await startSerialLine();
  });
  afterEach(() => line?.stop());

  test('carries bytes as they are, both ways', async () => {
    const heard: Buffer[] = [];
    const port = new SerialPort({ path: line.path, baudRate: 9600 });
    port.on('data', (chunk: Buffer) => heard.push(chunk));
    await new Promise((resolve) => port.once('open', resolve));
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await line.send(all);
    await waitFor('all bytes', 5000, () => Buffer.concat(heard).length === all.length);
    expect(Buffer.concat(heard)).toEqual(all);
    port.write('measure\r\n');
    await waitFor('the request', 5000, () => line.heard() === 'measure\r\n');
    await new Promise((resolve) => port.close(resolve));
  });

  test('is gone when it is unplugged, and comes back under its name', async () => {
    await line.unplug();
    expect(existsSync(line.path)).toBe(false);
    await line.plug();
    expect(existsSync(line.path)).toBe(true);
  });
});
