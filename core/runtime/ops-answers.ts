import type { Registry } from 'prom-client';

/** What an operator's tools ask of a process. */
export interface OpsSources {
  readonly registry: Registry;
  /** A sentence for each reason why the process cannot do its work now; none when it is ready. */
  readonly notReady: () => readonly string[] | Promise<readonly string[]>;
}

export interface OpsAnswer {
  readonly status: 200 | 503;
  readonly type: string;
  readonly body: string;
}

const json = 'application/json; charset=utf-8';

/**
 * `/healthz`: the event loop turns, restart the process if it does not. `/readyz`: 503 with the reasons while the
 * process cannot do its work. `/metrics`: the Prometheus text format.
 */
export const opsAnswers: Readonly<Record<string, (sources: OpsSources) => Promise<OpsAnswer>>> = {
  '/healthz': async () => ({ status: 200, type: json, body: '{"alive":true}\n' }),
  '/readyz': async ({ notReady }) => {
    const reasons = await notReady();
    const ready = reasons.length === 0;
    return { status: ready ? 200 : 503, type: json, body: `${JSON.stringify({ ready, reasons })}\n` };
  },
  '/metrics': async ({ registry }) => ({ status: 200, type: registry.contentType, body: await registry.metrics() }),
};
