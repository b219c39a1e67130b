import { appendFile, unlink, writeFile } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Reading } from '../../../core/contract/reading.js';
import { systemClock, type Clock } from '../../../core/runtime/clock.js';
import { FatalError, RetryableError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { replayDriver } from '../../../edge/sensors/replay/driver.js';
import type { ReplaySensor } from '../../../edge/sensors/replay/sensor.js';
import { sensorSuite } from '../../contracts/sensor-suite.js';
import { ManualClock } from '../../support/manual-clock.js';
import { tempDir } from '../../support/temp-dir.js';

const day = Date.UTC(2024, 0, 15) * 1000;
const startUs = Date.UTC(2026, 10, 21, 10) * 1000;

const temp = { name: 'temp', column: 'temp', quantity: 'temperature', unit: 'Cel' };
const power = { name: 'power', column: 'power', quantity: 'power', unit: 'W', scale: 1000 };

/** Rows at these seconds of the day, with the second as temperature. */
const table = (seconds: readonly number[]) =>
  [
    'timestamp,temp,power',
    ...seconds.map((s) => `${new Date(day / 1000 + s * 1000).toISOString()},${s},${s / 10}`),
    '',
  ].join('\n');

let path: string;
beforeEach(async () => {
  path = join(await tempDir(), 'in.csv');
});

async function replay(text: string, options: object = {}, clock: Clock = systemClock): Promise<ReplaySensor> {
  await writeFile(path, text);
  const parsed = z.strictObject(replayDriver.shape).parse({ path, channels: [temp], ...options });
  return replayDriver.create(parsed, { clock, logger: silentLogger });
}

const values = (readings: readonly Reading[]) => readings.map(({ value }) => value);

// The failures of the suite are those of a device: a file that is open is not taken away.
sensorSuite('a replayed file', async () => ({
  sensor: await replay(table(Array.from({ length: 50 }, (_, i) => i)), {
    channels: [temp, power],
    speed: 'max',
    maxRows: 1,
  }),
}));

describe('a replayed file', () => {
  it('comes as it was, with its own stamps', async () => {
    const clock = new ManualClock(startUs);
    const sensor = await replay(table([100, 101, 102.5, 110]), { times: 'file', channels: [power, temp] }, clock);
    await sensor.start();
    expect(await sensor.read()).toEqual([
      { sensor: 'power', timeUs: day + 100e6, value: 10_000, quality: 'good' },
      { sensor: 'temp', timeUs: day + 100e6, value: 100, quality: 'good' },
    ]);
    await clock.advance(2499);
    expect(values(await sensor.read())).toEqual([10_100, 101]);
    await clock.advance(1);
    expect((await sensor.read()).map(({ timeUs }) => timeUs - day)).toEqual([102.5e6, 102.5e6]);
    expect(await sensor.read()).toEqual([]);
    expect(sensor.detail()).toBe('at line 4');
  });

  it('comes at another speed, as if it were measured now', async () => {
    const clock = new ManualClock(startUs);
    const sensor = await replay(table([0, 60, 90, 600]), { speed: 60 }, clock);
    await sensor.start();
    await clock.advance(2000);
    const readings = await sensor.read();
    expect(readings.map(({ timeUs, value }) => [value, timeUs - startUs])).toEqual([
      [0, 0],
      [60, 1e6],
      [90, 1.5e6],
    ]);
    clock.stepWall(3_600_000);
    await clock.advance(8000);
    expect((await sensor.read()).map(({ timeUs }) => timeUs - startUs)).toEqual([3610e6]);
  });

  it('ends without a failure, and says so', async () => {
    const sensor = await replay(table([1, 2]), { speed: 'max', times: 'file' });
    await sensor.start();
    expect(values(await sensor.read())).toEqual([1, 2]);
    expect(await sensor.read()).toEqual([]);
    expect(await sensor.read()).toEqual([]);
    expect(sensor.detail()).toBe('the file has ended at line 3');
    await sensor.stop();
    expect(sensor.detail()).toBe('stopped');
    await sensor.start();
    expect(values(await sensor.read())).toEqual([1, 2]);
  });

  it('begins again, one step behind its last row, where it is to', async () => {
    const clock = new ManualClock(startUs);
    const sensor = await replay(table([10, 11, 13]), { loop: true }, clock);
    await sensor.start();
    await clock.advance(9000);
    const readings = await sensor.read();
    expect(readings.map(({ timeUs, value }) => [(timeUs - startUs) / 1e6, value])).toEqual([
      [0, 10],
      [1, 11],
      [3, 13],
      [5, 10],
      [6, 11],
      [8, 13],
    ]);
    expect(sensor.detail()).toBe('at line 4 of round 2');
    await clock.advance(1000);
    expect(values(await sensor.read())).toEqual([10]);
  });

  it('begins again for ever without filling the memory, though it is one row or none', async () => {
    const clock = new ManualClock(startUs);
    const one = await replay(table([10]), { loop: true }, clock);
    await one.start();
    await clock.advance(3500);
    expect(values(await one.read())).toEqual([10, 10, 10, 10]);
    const fast = await replay(table([10]), { loop: true, speed: 'max', maxRows: 30 });
    await fast.start();
    expect(await fast.read()).toHaveLength(30);
    const none = await replay('timestamp,temp\n', { loop: true, speed: 'max' });
    await none.start();
    expect(await none.read()).toEqual([]);
    expect(none.detail()).toMatch(/has ended/);
  });

  it('cannot begin again with its own stamps', async () => {
    await expect(replay(table([1]), { loop: true, times: 'file' })).rejects.toThrow(FatalError);
  });

  it('hands over so many rows at once, and is behind then', async () => {
    const clock = new ManualClock(startUs);
    const sensor = await replay(table([0, 1, 2, 3, 4]), { maxRows: 2 }, clock);
    await sensor.start();
    await clock.advance(5500);
    expect(values(await sensor.read())).toEqual([0, 1]);
    expect(sensor.detail()).toBe('at line 3, 4 s behind');
    expect(values(await sensor.read())).toEqual([2, 3]);
    expect(values(await sensor.read())).toEqual([4]);
  });

  it('has no reading for an empty field, and counts what is no number', async () => {
    const sensor = await replay('timestamp,value\n2024-01-15,1\n2024-01-16,\n2024-01-17,n/a\n2024-01-18,4\n', {
      speed: 'max',
      channels: [{ ...temp, column: undefined }],
    });
    await sensor.start();
    expect(values(await sensor.read())).toEqual([1, 4]);
    expect([...sensor.takeDropped()]).toEqual([['bad-value', 1]]);
  });

  it('must be there, and have the columns', async () => {
    const sensor = await replay('time,temp\n2024-01-15,1\n');
    await expect(sensor.start()).rejects.toThrow(/no column timestamp; there are time, temp/);
    await unlink(path);
    await expect(sensor.start()).rejects.toThrow(RetryableError);
    await writeFile(path, table([1]));
    await sensor.start();
    expect(values(await sensor.read())).toEqual([1]);
  });

  it('fails at a line that cannot be read, when all before it is handed over', async () => {
    const sensor = await replay(table([1, 2]), { speed: 'max' });
    await appendFile(path, 'yesterday,3,3\n');
    await sensor.start();
    expect(values(await sensor.read())).toEqual([1, 2]);
    await expect(sensor.read()).rejects.toThrow(/line 4: "yesterday" is no time/);
    await expect(sensor.read()).rejects.toThrow(FatalError);
  });

  it('is never in memory as a whole', async () => {
    await writeFile(path, 'timestamp,temp\n');
    const file = createWriteStream(path, { flags: 'a' });
    const rows = 200_000;
    for (let i = 0; i < rows; i += 1000) {
      const lines = Array.from(
        { length: 1000 },
        (_, k) => `${(day + (i + k) * 1e6) / 1e6},${i + k},${'x'.repeat(100)}\n`,
      );
      if (!file.write(lines.join(''))) await once(file, 'drain');
    }
    file.end();
    await once(file, 'close');
    const parsed = z.strictObject(replayDriver.shape).parse({ path, channels: [temp], times: 'file', speed: 1 });
    const clock = new ManualClock(startUs);
    const sensor = replayDriver.create(parsed, { clock, logger: silentLogger });
    const heap = () => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const before = heap();
    await sensor.start();
    for (let i = 0; i < 20; i += 1) {
      await clock.advance(1000);
      expect((await sensor.read()).length).toBeGreaterThan(0);
    }
    // 22 MB of text, of which a few rows are due.
    expect(heap() - before).toBeLessThan(12e6);
    await sensor.stop();
  });
});
