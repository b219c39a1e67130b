import type { DeviceView } from '../cloud/serve/device-view.js';
import type { FleetView } from '../gateway/rollout/fleet-door.js';
import type { LeftOut } from '../gateway/rollout/new-rollout.js';
import type { RolloutView } from '../gateway/rollout/rollout-view.js';
import { arrivalOf } from '#core/contract/arrival.js';
import { deviceKey } from '#core/contract/names.js';
import type { RolloutStatus, StageView } from '#core/contract/rollout-state.js';
import { ApiClient } from '#core/runtime/api-client.js';
import { systemClock } from '#core/runtime/clock.js';
import { arrivedInWords } from './arrived-in-words.js';
import type { Told } from './device-registry.js';
import { UsageError } from './fail.js';
import { askOperator, type OperatorApi } from './operator.js';

export interface ListOptions {
  /** A selector. */
  readonly only?: string | undefined;
  readonly runs?: string | undefined;
  readonly offline?: boolean | undefined;
  /** Address of the cloud's API, which knows completeness. */
  readonly api: string;
}

export interface RolloutWanted {
  readonly version: string;
  readonly stages: readonly { readonly name?: string; readonly select: string }[];
  readonly only?: string | undefined;
  readonly trialMs?: number | undefined;
  readonly maxFailures?: number | undefined;
  readonly maxWaitMs?: number | undefined;
  readonly completeness?: boolean | undefined;
  readonly sources?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
}

const pollMs = 500;

/** `canary=label:ring=canary,10%,100%`: the stages in their order, each with a name in front if it has one. */
export function parseStages(text: string): { name?: string; select: string }[] {
  return text.split(',').map((part) => {
    const [, name, select] = /^(?:([A-Za-z0-9_-]+)=)?(.+)$/.exec(part.trim()) ?? [];
    if (select === undefined) throw new UsageError(`--stages has an empty stage: ${text}`);
    return name === undefined ? { select } : { name, select };
  });
}

/** The devices, what they run, and whether what they sent is complete. */
export async function listFleet(api: OperatorApi, { only, runs, offline, api: cloud }: ListOptions): Promise<Told> {
  const query = only === undefined ? '' : `?only=${encodeURIComponent(only)}`;
  const { devices } = await askOperator<{ devices: FleetView[] }>(api, 'GET', `/api/v1/fleet${query}`);
  const views = await viewsOfAll(cloud);
  const rows = devices
    .filter((device) => (runs === undefined || device.version === runs) && !(offline && device.online))
    .map((device) => ({ ...device, ...packsOf(views.get(deviceKey(device))) }));
  return { text: table(rows) || 'No device meets that.', result: rows };
}

export async function beginRollout(api: OperatorApi, wanted: RolloutWanted): Promise<Told & { id?: string }> {
  const body = Buffer.from(JSON.stringify(wanted));
  const answer = await askOperator<RolloutView & { leftOut: LeftOut }>(api, 'POST', '/api/v1/rollouts', body);
  const left = Object.entries(answer.leftOut).filter(([, count]) => count > 0);
  const without = left.map(([reason, count]) => `${count} ${leftOutWords[reason as keyof LeftOut]}`);
  const counts = countStages(answer);
  const lines = [
    wanted.dryRun ? `Would bring ${wanted.version} to:` : `Rollout ${answer.id} brings ${wanted.version} to:`,
    ...answer.stages.map(({ name }, n) => `  ${n + 1}. ${name}: ${counts[n] ?? 0} devices`),
    ...(without.length > 0 ? [`Left out: ${without.join(', ')}.`] : []),
  ];
  return { text: lines.join('\n'), result: answer, ...(!wanted.dryRun && { id: answer.id }) };
}

const leftOutWords: Record<keyof LeftOut, string> = {
  cannotUpgrade: 'take no releases',
  noArch: 'have an architecture without a release',
  already: 'run it already',
  retired: 'are retired',
  noStage: 'are in no stage',
};

/** One rollout, or the newest; throws UsageError if there is none. */
export async function rolloutOf(api: OperatorApi, id: string | undefined): Promise<RolloutView> {
  if (id !== undefined) return askOperator<RolloutView>(api, 'GET', `/api/v1/rollouts/${id}`);
  const { rollouts } = await askOperator<{ rollouts: { id: string }[] }>(api, 'GET', '/api/v1/rollouts');
  const [newest] = rollouts;
  if (!newest) throw new UsageError('No rollout is known: fieldline fleet rollout begins one.');
  return askOperator<RolloutView>(api, 'GET', `/api/v1/rollouts/${newest.id}`);
}

export async function listRollouts(api: OperatorApi): Promise<Told> {
  const { rollouts } = await askOperator<{ rollouts: RolloutView[] }>(api, 'GET', '/api/v1/rollouts');
  return { text: rollouts.map(headline).join('\n') || 'No rollout is known.', result: rollouts };
}

export async function orderRollout(
  api: OperatorApi,
  id: string | undefined,
  act: 'pause' | 'resume' | 'abort',
  body: object = {},
): Promise<Told> {
  const { id: own } = await rolloutOf(api, id);
  const view = await askOperator<RolloutView>(
    api,
    'POST',
    `/api/v1/rollouts/${own}/${act}`,
    Buffer.from(JSON.stringify(body)),
  );
  return { text: describeRollout(view), result: view };
}

export interface WaitOptions {
  readonly timeoutMs?: number | undefined;
  /** Hears each change. */
  readonly say: (line: string) => void;
}

/** Waits for the end of a rollout; resolves with how it stands then, or at the timeout. */
export async function waitRollout(
  api: OperatorApi,
  id: string | undefined,
  { timeoutMs = Infinity, say }: WaitOptions,
): Promise<RolloutView> {
  const untilMs = systemClock.monotonicMs() + timeoutMs;
  let [view, said] = [await rolloutOf(api, id), ''];
  for (;;) {
    const line = describeProgress(view);
    if (line !== said) say((said = line));
    if (isOver(view.status) || systemClock.monotonicMs() >= untilMs) return view;
    await systemClock.sleep(pollMs);
    // A gateway that is started anew is there again soon.
    view = await rolloutOf(api, view.id).catch(() => view);
  }
}

export function isOver(status: RolloutStatus): boolean {
  return status === 'done' || status === 'failed' || status === 'aborted';
}

/** One line that changes when something does. */
export function describeProgress(view: RolloutView): string {
  const stage = view.stages[view.stage];
  if (isOver(view.status) || !stage) return headline(view);
  return `${view.version} ${view.status}: stage ${view.stage + 1} of ${view.stages.length} (${stage.name}): ${statesOf(stage)}`;
}

export function describeRollout(view: RolloutView): string {
  const stages = view.stages.map((stage, n) => {
    const away = stage.offline > 0 && stage.status !== 'waiting' ? `; ${stage.offline} offline` : '';
    return `  ${n + 1}. ${stage.name}  ${stage.status}  ${statesOf(stage)}${away}`;
  });
  const open = view.devices.filter(({ stage, state }) => stage <= view.stage && !settled.has(state));
  const devices = open.slice(0, 20).map((device) => {
    const packs = device.expected === null ? '' : `, ${device.received}/${device.expected} packs`;
    const reason = device.reason === null ? '' : `: ${device.reason}`;
    return `     ${deviceKey(device)}  ${device.state}${device.online ? '' : ', offline'}${packs}${reason}`;
  });
  return [headline(view), ...stages, ...devices].join('\n');
}

const settled = new Set(['waiting', 'complete', 'reverted', 'elsewhere']);

function headline({ id, version, status, reason }: RolloutView): string {
  return `${id}  ${version}  ${status}${reason === null ? '' : `: ${reason}`}`;
}

function statesOf({ devices, states }: StageView): string {
  const counts = Object.entries(states).map(([state, count]) => `${count} ${state}`);
  return `${devices} devices${counts.length > 0 ? `, ${counts.join(', ')}` : ''}`;
}

function countStages({ stages, devices }: Pick<RolloutView, 'stages' | 'devices'>): number[] {
  return stages.map((_, n) => devices.filter(({ stage }) => stage === n).length);
}

async function viewsOfAll(api: string): Promise<ReadonlyMap<string, DeviceView>> {
  const answer = await new ApiClient(api)
    .json<{ devices: DeviceView[] }>('/api/v1/devices')
    // A gateway that runs alone does not know; the rest is told all the same.
    .catch(() => ({ devices: [] as DeviceView[] }));
  return new Map(answer.devices.map((device) => [deviceKey(device), device]));
}

/** Null where no cloud tells; `completeness` counts what is on its way as not there, `arrived` does not count it. */
function packsOf(view: DeviceView | undefined) {
  const { completeness = null } = view ?? {};
  if (!view || completeness === null) return { completeness: null, arrived: null, onTheWay: null };
  const { share, onTheWay } = arrivalOf(view);
  return { completeness, arrived: share, onTheWay };
}

type Row = FleetView & ReturnType<typeof packsOf>;

function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    deviceKey(row),
    row.version,
    row.arch ?? '-',
    row.desired && row.desired.version !== row.version ? `→ ${row.desired.version}` : '',
    row.report && row.report.id !== '' ? row.report.status : '',
    row.online ? 'online' : `offline since ${new Date(row.lastSeenUs / 1000).toISOString()}`,
    arrivedInWords(row.arrived, row.onTheWay),
  ]);
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
