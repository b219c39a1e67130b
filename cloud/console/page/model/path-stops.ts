import type { PipelineView } from '../api/types.js';
import { formatCount, plural } from './format.js';
import type { StageFlow } from './stage-flow.js';

/** One stop on the path of a reading, with what its stages counted. */
export interface Stop {
  readonly id: string;
  readonly title: string;
  readonly what: string;
  readonly healthy: boolean;
  /** Undefined where nothing in the server's process counts for the stop. */
  readonly counts: StopCounts | undefined;
  /** What else is known of the stop, as short sentences. */
  readonly facts: readonly string[];
}

export interface StopCounts {
  readonly in: number;
  readonly out: number;
  readonly dropped: number;
  readonly inFlight: number;
  readonly inPerSecond: number | null;
  readonly unaccounted: number;
  /** Reasons of drops, the most frequent first. */
  readonly reasons: readonly (readonly [string, number])[];
}

/** A drop with one of these is no loss: whoever had the readings still has them and sends them again. */
const comeAgain = new Set(['returned', 'handed-back']);

export function isLoss(reason: string): boolean {
  return !comeAgain.has(reason);
}

const stageOrder: readonly {
  readonly id: string;
  readonly title: string;
  readonly what: string;
  readonly stages: readonly string[];
}[] = [
  { id: 'edge', title: 'Edge', what: 'sensors, filters, outbox', stages: ['edge_agent', 'edge_outbox'] },
  { id: 'gateway', title: 'Gateway', what: 'broker, intake, relay', stages: ['gateway'] },
  { id: 'log', title: 'Log', what: 'the event log', stages: [] },
  { id: 'ingest', title: 'Ingest', what: 'checked, each once', stages: ['ingest'] },
  { id: 'store', title: 'Store', what: 'series and rollups', stages: [] },
];

/** The stops in the order of the path; stages that no stop knows stand behind them. */
export function pathStops(view: PipelineView, flows: readonly StageFlow[]): Stop[] {
  const named = new Set(stageOrder.flatMap(({ stages }) => stages));
  const others = flows
    .filter(({ stage }) => !named.has(stage))
    .map(({ stage }) => ({ id: 'other', title: stage, what: '', stages: [stage] }));
  return [...stageOrder, ...others].map(({ stages, ...stop }) => ({
    ...stop,
    healthy: stop.id === 'log' ? view.log.healthy : stop.id !== 'store' || view.store.healthy,
    counts: combine(flows.filter(({ stage }) => stages.includes(stage))),
    facts: factsOf(stop.id, view),
  }));
}

/** Stages behind each other count as one: in at the first, out at the last. */
function combine(flows: readonly StageFlow[]): StopCounts | undefined {
  const [first, last] = [flows[0], flows.at(-1)];
  if (!first || !last) return undefined;
  const sum = (of: (flow: StageFlow) => number): number => flows.reduce((total, flow) => total + of(flow), 0);
  const reasons = new Map<string, number>();
  for (const flow of flows)
    for (const [reason, count] of Object.entries(flow.reasons)) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  return {
    in: first.in,
    out: last.out,
    dropped: sum((flow) => flow.dropped),
    inFlight: sum((flow) => flow.inFlight),
    inPerSecond: first.inPerSecond,
    unaccounted: sum((flow) => flow.unaccounted),
    reasons: [...reasons].sort((a, b) => b[1] - a[1]),
  };
}

function factsOf(id: string, view: PipelineView): string[] {
  const { remaining } = view.rollups;
  const { ingest } = view.log.lag;
  const facts: Readonly<Record<string, readonly (string | false)[]>> = {
    edge: [
      `${formatCount(view.devicesOnline)} of ${plural(view.devicesTotal, 'device')} online`,
      `${plural(view.outboxPending, 'pack')} waiting`,
    ],
    log: [ingest !== null && `${plural(ingest, 'record')} not stored yet`],
    store: [remaining !== null && `${plural(remaining, 'bucket')} to roll up`],
  };
  return (facts[id] ?? []).filter((fact) => fact !== false);
}
