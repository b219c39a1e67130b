// A program: appends numbers to a spool whose log is away until it is killed, and prints each after its acknowledgement.
import { Registry } from 'prom-client';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { SpooledLog } from '../../../gateway/spool/spooled-log.js';
import { FaultyLog } from '../../support/faulty-log.js';
import { MemoryLog } from '../../support/memory-log.js';

const [directory] = process.argv.slice(2) as [string];
const log = new FaultyLog(new MemoryLog());
log.hold();
const limits = { maxBytes: 64 * 1024 * 1024, maxAgeMs: 3_600_000, drainBytesPerSecond: 1e9 };
const seams = { clock: systemClock, logger: silentLogger, registry: new Registry() };
const spool = new SpooledLog({ directory, log, ...limits, ...seams });
await spool.start();

async function caller(id: number): Promise<void> {
  for (let i = 0; ; i += 1) {
    const text = `${process.pid}:${id}:${i}`;
    const topic = i % 5 === 0 ? 'alerts' : 'sensor-readings';
    await spool.append(topic, [
      { key: `caller-${process.pid}-${id}`, value: Buffer.from(text), headers: { n: `${i}` } },
    ]);
    process.stdout.write(`${topic} ${text}\n`);
  }
}

for (let id = 0; id < 8; id += 1) void caller(id);
