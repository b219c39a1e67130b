import cluster from 'node:cluster';
import type { HttpDoor } from '#core/runtime/http-door.js';
import { messageOf } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { OpsSources } from '#core/runtime/ops-answers.js';
import { environment } from '../environment.js';
import type { FromWorker, PlainRequest, Questions, ToWorker } from './messages.js';

/** Which of several processes behind one port this is, from 1; undefined where the process stands alone. */
export function processNumber(): number | undefined {
  return cluster.isWorker ? environment.processNumber() : undefined;
}

/** Resolves when the process that holds the port wants this one to stop; never where the process stands alone. */
export function stopWanted(): Promise<unknown> {
  return new Promise((resolve) => {
    if (cluster.isWorker) process.on('message', (message: ToWorker) => message.type === 'stop' && resolve('stop'));
  });
}

/** Lets the process end: as long as it is linked to the other one it would stay. */
export function leave(): void {
  if (cluster.worker?.isConnected()) cluster.worker.disconnect();
}

export interface WorkerOpsOptions extends OpsSources {
  readonly door: HttpDoor;
}

/** Instead of an `OpsServer`: tells the process that holds the port what that one's server is asked. */
export class WorkerOps implements Part {
  constructor(private readonly options: WorkerOpsOptions) {}

  start(): Promise<void> {
    const number = processNumber();
    this.options.registry.setDefaultLabels({ process: String(number) });
    process.on('message', this.hear);
    this.say({ type: 'up', maxBodyBytes: this.options.door.maxBodyBytes });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    process.off('message', this.hear);
    return Promise.resolve();
  }

  private readonly hear = (message: ToWorker): void => {
    if (message.type !== 'ask') return;
    const { id, what } = message;
    this.answer(what, message.with).then(
      (value) => this.say({ type: 'answer', id, value }),
      (error: unknown) => this.say({ type: 'failed', id, error: messageOf(error) }),
    );
  };

  private async answer(what: keyof Questions, asked: unknown): Promise<Questions[typeof what]['answers']> {
    const { registry, notReady, door } = this.options;
    if (what === 'metrics') return registry.getMetricsAsJSON();
    if (what === 'notReady') return notReady();
    const request = asked as PlainRequest;
    const url = new URL(request.url);
    if (!door.opens(url.pathname)) return { status: 404, body: { error: 'nothing is here' } };
    return door.answer({ ...request, url });
  }

  private say(message: FromWorker): void {
    // The other side may have died, and this process ends with it.
    if (process.connected) process.send!(message, undefined, undefined, () => undefined);
  }
}
