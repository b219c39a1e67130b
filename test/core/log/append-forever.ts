// A program: appends numbers to a local log until it is killed, and prints each after it was acknowledged.
import { LocalLog } from '../../../core/log/local-log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';

const [directory, topic] = process.argv.slice(2) as [string, string];
const log = new LocalLog({ directory, clock: systemClock, logger: silentLogger });
await log.start();
await log.ensureTopics([{ name: topic, partitions: 1, retentionHours: 24, compression: 'lz4' }]);
let isStopping = false;

async function caller(id: number): Promise<void> {
  for (let i = 0; !isStopping; i += 1) {
    const text = `${process.pid}:${id}:${i}`;
    await log.append(topic, [{ key: `caller-${id}`, value: Buffer.from(text.padEnd(1000)) }]);
    process.stdout.write(`${text}\n`);
  }
}

const callers = Array.from({ length: 8 }, (_, id) => caller(id));
process.once('SIGTERM', () => {
  isStopping = true;
  void Promise.all(callers)
    .then(() => log.stop(1000))
    .then(() => process.exit(0));
});
