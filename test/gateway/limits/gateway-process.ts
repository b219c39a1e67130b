import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Registry } from 'prom-client';
import { fileURLToPath } from 'node:url';
import { logTopics } from '../../../core/contract/log-topics.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema, type GatewayStatus } from '../../../gateway/main.js';
import { MemoryLog } from '../../support/memory-log.js';

/** What a gateway in a process of its own takes, and what it is doing. */
export interface GatewayUsage {
  readonly rssMb: number;
  readonly heapMb: number;
  readonly cpuSeconds: number;
  readonly status: GatewayStatus;
}

export interface GatewayProcess {
  readonly port: number;
  /** After a garbage collection. */
  usage(): Promise<GatewayUsage>;
  end(): Promise<void>;
}

const isChild = 'CONFIG' in process.env && process.argv[1] === fileURLToPath(import.meta.url);
const compiled = fileURLToPath(new URL('../../../dist/test/gateway/limits/gateway-process.js', import.meta.url));

/** Starts a gateway over a log in memory as a process of its own, so that what it takes can be told from its clients'. */
export async function startGatewayProcess(config: object, secret: Uint8Array): Promise<GatewayProcess> {
  const env = { ...process.env, CONFIG: JSON.stringify(config), SECRET: Buffer.from(secret).toString('hex') };
  const child = fork(compiled, [], { env, execArgv: ['--expose-gc'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const answer = async <Answer>(): Promise<Answer> =>
    Promise.race([
      once(child, 'message').then(([message]) => message as Answer),
      ended.then(() => Promise.reject(new Error('the process of the gateway has ended'))),
    ]);
  const { port } = await answer<{ port: number }>();
  return {
    port,
    usage: () => {
      child.send('usage');
      return answer<GatewayUsage>();
    },
    end: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

async function serve(): Promise<void> {
  const log = new MemoryLog();
  await log.ensureTopics(Object.values(logTopics));
  const config = gatewayConfigSchema.parse(JSON.parse(process.env['CONFIG']!));
  const seams = { log, clock: systemClock, logger: silentLogger, registry: new Registry() };
  const gateway = createGateway(config, { ...seams, secret: Buffer.from(process.env['SECRET']!, 'hex') });
  await gateway.start();
  process.on('message', () => {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    const usage = { rssMb: rss / 2 ** 20, heapMb: heapUsed / 2 ** 20, cpuSeconds: (user + system) / 1e6 };
    process.send!({ ...usage, status: gateway.status() } satisfies GatewayUsage);
  });
  process.on('disconnect', () => process.exit());
  process.send!({ port: gateway.address().port });
}

if (isChild) await serve();
