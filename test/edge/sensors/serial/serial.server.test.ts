import { once } from 'node:events';
import { onTestFinished, describe, expect, it } from 'vitest';
import { SerialPort, type SerialPortOpenOptions } from 'serialport';
import { z } from 'zod';
import type { Reading } from '../../../../core/contract/reading.js';
import { systemClock } from '../../../../core/runtime/clock.js';
import { FatalError, RetryableError } from '../../../../core/runtime/errors.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import { serialBinding } from '../../../../edge/sensors/serial/binding.js';
import { serialDriver } from '../../../../edge/sensors/serial/driver.js';
import type { SerialSensor } from '../../../../edge/sensors/serial/sensor.js';
import { sensorFailureSuite, sensorSuite, type BreakableSensor } from '../../../contracts/sensor-suite.js';
import { haveServers } from '../../../servers/ensure.js';
import { startSerialLine, type SerialLine } from '../../../servers/socat.js';
import { waitFor } from '../../../servers/wait-for.js';
import { testAgent } from '../../agent/fakes.js';

const channels = [
  { name: 'temp', column: 1, quantity: 'temperature', unit: 'Cel' },
  { name: 'hum', column: 2, quantity: 'humidity', unit: '%RH' },
];
const columns = { format: 'delimiter', channels };

async function openLine(): Promise<SerialLine> {
  const line = await startSerialLine();
  onTestFinished(() => line.stop());
  return line;
}

function sensorAt(line: SerialLine, options: object = {}): SerialSensor {
  const parsed = z.strictObject(serialDriver.shape).parse({
    path: line.path,
    parser: columns,
    // Long, for a machine that has much to do.
    gapMs: '1m',
    replyMs: '5s',
    ...options,
  });
  const sensor = serialDriver.create(parsed, { clock: systemClock, logger: silentLogger });
  onTestFinished(() => sensor.stop(1000));
  return sensor;
}

/** Reads until there are `count` readings. */
async function readings(sensor: SerialSensor, count: number): Promise<Reading[]> {
  const all: Reading[] = [];
  return waitFor(
    `${count} readings`,
    5000,
    async () => {
      all.push(...(await sensor.read()));
      return all.length >= count && all;
    },
    5,
  );
}

const values = (all: readonly Reading[]) => all.map(({ sensor, value }) => `${sensor}=${value}`);

describe.skipIf(!(await haveServers('socat')))('a serial sensor', () => {
  async function asked(): Promise<BreakableSensor> {
    const line = await openLine();
    let n = 0;
    let humidity = '41';
    line.answer = () => `${(n += 1)},${humidity}\r\n`;
    return {
      sensor: sensorAt(line, { request: 'read\r\n' }),
      breakChannel: async () => {
        humidity = '--';
        return 'hum';
      },
      setPresent: (present) => (present ? line.plug() : line.unplug()),
    };
  }
  sensorSuite('a serial device that is asked', asked);
  sensorFailureSuite('a serial device that is asked', asked);

  it('keeps what a device says by itself, with the times of its arrival', async () => {
    const line = await openLine();
    const sensor = sensorAt(line);
    await sensor.start();
    const fromUs = systemClock.nowUs();
    await line.send('\n23.5,41\r\n2');
    const first = await readings(sensor, 2);
    const betweenUs = systemClock.nowUs();
    await line.send('4.5');
    await line.send(',42\r\n25,43\r\n');
    const second = await readings(sensor, 4);
    expect(values([...first, ...second])).toEqual(['temp=23.5', 'hum=41', 'temp=24.5', 'hum=42', 'temp=25', 'hum=43']);
    expect(first.every(({ timeUs }) => timeUs >= fromUs && timeUs <= betweenUs)).toBe(true);
    expect(second.every(({ timeUs }) => timeUs >= betweenUs && timeUs <= systemClock.nowUs())).toBe(true);
    expect(await sensor.read()).toEqual([]);
  });

  it.each([
    [
      'matches',
      { format: 'regex', pattern: 'T=(?<t>\\S+)', channels: [{ ...channels[0], column: undefined, group: 't' }] },
      'T=23.5 C\n',
    ],
    [
      'JSON',
      { format: 'json', channels: [{ ...channels[0], column: undefined, path: 'env.t' }] },
      '{"env":{"t":23.5}}\n',
    ],
    [
      'frames',
      {
        format: 'frame',
        start: '0a',
        length: 6,
        checksum: { kind: 'sum8', from: 1 },
        channels: [{ ...channels[0], column: undefined, byte: 1, encoding: 'float32' }],
      },
      Buffer.from([0x0a, 0x41, 0xbc, 0, 0, 0xfd]),
    ],
  ])('reads %s, amid all bytes there are', async (_name, parser, record) => {
    const line = await openLine();
    const sensor = sensorAt(line, { parser: JSON.parse(JSON.stringify(parser)) as object, maxLineBytes: 300 });
    await sensor.start();
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await line.send(Buffer.concat([everyByte, Buffer.from('\n'), Buffer.from(record), everyByte, Buffer.from('\n')]));
    await line.send(record);
    expect(values(await readings(sensor, 2))).toEqual(['temp=23.5', 'temp=23.5']);
    expect(sensor.takeDropped().size).toBeGreaterThan(0);
  });

  it('lives through noise and a line without end', async () => {
    const line = await openLine();
    const sensor = sensorAt(line, { maxLineBytes: 100 });
    await sensor.start();
    await line.send(`\nboot v1.2\n${'z'.repeat(5000)}\n`);
    await line.send('24,40\n');
    expect(values(await readings(sensor, 2))).toEqual(['temp=24', 'hum=40']);
    expect(Object.fromEntries(sensor.takeDropped())).toEqual({ 'bad-value': 1, 'line-too-long': 1 });
  });

  it('says that a device does not answer, and asks again after another start', async () => {
    const line = await openLine();
    const sensor = sensorAt(line, { request: 'read\n', replyMs: '60ms' });
    await sensor.start();
    await expect(sensor.read()).rejects.toThrow(/no answer within 60 ms/);
    line.freeze();
    await sensor.start();
    await expect(sensor.read()).rejects.toThrow(RetryableError);
    line.thaw();
    await sensor.stop(1000);
    const patient = sensorAt(line, { request: 'read\n' });
    line.answer = () => '1,2\n';
    await patient.start();
    expect(values(await patient.read())).toEqual(['temp=1', 'hum=2']);
  });

  it('is not taken down by an answer that is garbage', async () => {
    const line = await openLine();
    const sensor = sensorAt(line, { request: 'read\n', replyMs: '400ms' });
    line.answer = () => 'what?\n';
    await sensor.start();
    expect(await sensor.read()).toEqual([]);
    expect(Object.fromEntries(sensor.takeDropped())).toEqual({ 'bad-value': 1 });
  });

  it('says that a device has fallen silent, where that was asked for', async () => {
    const line = await openLine();
    const sensor = sensorAt(line, { silenceMs: '150ms' });
    await sensor.start();
    expect(await sensor.read()).toEqual([]);
    const failure = await waitFor('the failure', 3000, () =>
      sensor.read().then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    expect(failure).toMatchObject({ code: 'timeout', message: expect.stringContaining('nothing heard') as string });
    await sensor.start();
    await line.send('\n1,2\n');
    expect(values(await readings(sensor, 2))).toEqual(['temp=1', 'hum=2']);
  });

  it('cannot start without its device, and only then', async () => {
    const line = await openLine();
    const sensor = sensorAt(line);
    await line.unplug();
    await expect(sensor.start()).rejects.toThrow(RetryableError);
    await expect(sensor.read()).rejects.toThrow(RetryableError);
    await line.plug();
    await sensor.start();
    await line.send('\n1,2\n');
    expect(await readings(sensor, 2)).toHaveLength(2);
  });

  it('cannot have two requests', async () => {
    const line = await openLine();
    expect(() => sensorAt(line, { request: 'a', requestHex: 'ff' })).toThrow(FatalError);
  });

  // The end of a line amid data is where serialport's own read goes on for ever.
  it('notices a pulled cable amid data each time, and costs nothing then', async () => {
    const line = await openLine();
    const sensor = sensorAt(line);
    for (let round = 0; round < 12; round += 1) {
      await sensor.start();
      await line.send('1,2\n'.repeat(200));
      await line.unplug();
      await waitFor(
        'the loss',
        2000,
        () =>
          sensor.read().then(
            () => false,
            (error) => error instanceof RetryableError,
          ),
        1,
      );
      await line.plug();
    }
    await line.unplug();
    const before = process.cpuUsage();
    await waitFor('100 ms', 5000, pastMs(100));
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(60);
  });

  it('has a binding that serves others, too', async () => {
    const line = await openLine();
    const binding = (await serialBinding()) as unknown as typeof SerialPort.binding;
    for (let round = 0; round < 12; round += 1) {
      const port = new SerialPort({ path: line.path, baudRate: 9600, binding } as SerialPortOpenOptions<
        typeof SerialPort.binding
      >);
      let heard = '';
      port.on('data', (chunk: Buffer) => (heard += chunk.toString()));
      await once(port, 'open');
      port.write('hello');
      await waitFor('the greeting', 5000, () => line.heard() === 'hello', 1);
      if (round % 4 === 0) {
        await new Promise((resolve) => port.close(resolve));
        await line.unplug();
      } else {
        const closed = once(port, 'close');
        await line.send('1,2\n'.repeat(200));
        await line.unplug();
        await closed;
        expect(heard).toMatch(/^(1,2\n)*/);
      }
      await line.plug();
    }
  });

  it('has what it leaves out counted by the agent', async () => {
    const line = await openLine();
    const { agent } = testAgent(systemClock, {
      sensors: [{ name: 'device', sensor: sensorAt(line), intervalMs: 20 }],
    });
    await agent.start();
    onTestFinished(() => agent.stop(2000));
    expect(agent.status().sensors[0]!.detail).toMatch(/^open for \d+ ms, and nothing heard$/);
    await line.send('\n1,2\nx,y\n3,4\n');
    await waitFor('the readings', 5000, () => agent.status().in >= 6);
    expect(agent.status()).toMatchObject({ in: 6, dropped: 2, reasons: { 'bad-value': 2 } });
    expect(agent.status().sensors[0]!.detail).toMatch(/^last heard \d+ ms ago$/);
  });

  it('comes back by itself in an agent, whose other sensors never noticed', async () => {
    const [line, other] = [await openLine(), await openLine()];
    other.answer = () => '7\n';
    const unplugged = sensorAt(line, { request: '?' });
    const still = sensorAt(other, {
      request: '?',
      parser: { ...columns, channels: [{ ...channels[0], name: 'still' }] },
    });
    line.answer = () => '1,2\n';
    const { agent } = testAgent(systemClock, {
      sensors: [
        { name: 'unplugged', sensor: unplugged, intervalMs: 20 },
        { name: 'still', sensor: still, intervalMs: 20 },
      ],
    });
    await agent.start();
    onTestFinished(() => agent.stop(2000));
    const status = (i: number) => agent.status().sensors[i]!;
    await waitFor('readings', 5000, () => status(0).readings >= 4);
    await line.unplug();
    await waitFor('the failure', 5000, () => status(0).state === 'waiting');
    const had = [status(0).readings, status(1).readings] as const;
    await waitFor('the other goes on', 5000, () => status(1).readings >= had[1] + 10);
    await line.plug();
    await waitFor('the return', 10_000, () => status(0).readings >= had[0] + 4);
    expect(status(0)).toMatchObject({ lastError: undefined });
    expect(status(1)).toMatchObject({ failures: 0, lastError: undefined });
  });
});

function pastMs(ms: number): () => boolean {
  const untilMs = systemClock.monotonicMs() + ms;
  return () => systemClock.monotonicMs() >= untilMs;
}
