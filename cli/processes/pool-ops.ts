import { AggregatorRegistry, Gauge, Registry } from 'prom-client';
import type { DoorAnswer, DoorRequest, HttpDoor } from '#core/runtime/http-door.js';
import { messageOf } from '#core/runtime/errors.js';
import type { OpsSources } from '#core/runtime/ops-answers.js';
import type { ProcessPool } from './process-pool.js';

/** Whatever its doors allow in one of the processes, which looks again. */
const maxBodyBytes = 16 * 1024 * 1024;

/** Requests whose bodies are too large to go to another process: this one takes them by itself. */
export type OwnDoor = Required<Pick<HttpDoor, 'stream'>>;

/** What the operations server of a pool tells: the metrics of all processes, by the label `process`, and their troubles. */
export function poolOps(
  pool: ProcessPool,
  openOwn: (registry: Registry) => OwnDoor,
): OpsSources & { readonly door: HttpDoor } {
  const registry = new PoolRegistry(pool);
  return { registry, notReady: () => notReady(pool), door: new PoolDoor(pool, openOwn(registry)) };
}

async function notReady(pool: ProcessPool): Promise<string[]> {
  const reasons = pool.up().map(async ([number, link]) => {
    const own = await link.ask('notReady', undefined).catch((error: unknown) => [`${messageOf(error)}.`]);
    return own.map((reason) => `Process ${number}: ${reason}`);
  });
  return [...pool.down().map((number) => `Process ${number} is not up.`), ...(await Promise.all(reasons)).flat()];
}

class PoolRegistry extends Registry {
  constructor(private readonly pool: ProcessPool) {
    super();
    new Gauge({
      name: 'fieldline_processes_up',
      help: 'Processes behind this port that are up',
      registers: [this],
      collect(): void {
        this.set(pool.up().length);
      },
    });
  }

  override async metrics(): Promise<string> {
    // One that dies while it is asked is left out.
    const all = this.pool.up().map(([, link]) => link.ask('metrics', undefined).catch(() => []));
    const own = this.getMetricsAsJSON();
    return AggregatorRegistry.aggregate(await Promise.all([own, ...all])).metrics();
  }
}

/** Hands requests to one of the processes: what one of them is told they all learn from the log, or find in their folder. */
class PoolDoor implements HttpDoor {
  readonly maxBodyBytes = maxBodyBytes;

  constructor(
    private readonly pool: ProcessPool,
    private readonly own: OwnDoor,
  ) {}

  stream(...asked: Parameters<OwnDoor['stream']>): boolean {
    return this.own.stream(...asked);
  }

  opens(path: string): boolean {
    return path.startsWith('/api/');
  }

  async answer(request: DoorRequest): Promise<DoorAnswer> {
    const [first] = this.pool.up();
    if (!first) return { status: 503, body: { error: 'no process is up' } };
    const [, link] = first;
    if (request.body.byteLength > link.maxBodyBytes) {
      return { status: 413, body: { error: `more than ${link.maxBodyBytes} bytes` } };
    }
    try {
      return await link.ask('door', { ...request, url: request.url.href });
    } catch (error) {
      return { status: 503, body: { error: messageOf(error) } };
    }
  }
}
