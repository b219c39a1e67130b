import { z } from 'zod';
import { parseJson } from '#core/contract/alert.js';
import { deviceKey } from '#core/contract/names.js';
import { rolloutKey, type RolloutOrder } from '#core/contract/rollout.js';
import { isUnderway, rolloutRecord, type Rollout } from '#core/contract/rollout-book.js';
import { statusOf } from '#core/contract/rollout-state.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import type { ReleaseFolder } from '../releases/release-folder.js';
import {
  orderRecord,
  planRollout,
  recordsOf,
  releasesBefore,
  removalOf,
  rolloutRequestSchema,
  type PlanSeams,
  type RolloutRequest,
} from './new-rollout.js';
import { touchable } from './progress.js';
import { summaryOf, viewRollout } from './rollout-view.js';
import type { Rollouts } from './rollouts.js';

export interface RolloutDoorOptions extends OperatorDoorOptions, PlanSeams {
  readonly rollouts: Rollouts;
  /** Undefined: no releases are kept here. */
  readonly folder: Pick<ReleaseFolder, 'list'> | undefined;
  /** Yields [0, 1). */
  readonly random: () => number;
}

const operator = 'operator';
const maxKept = 50;
const abortSchema = z.strictObject({ revert: z.boolean().default(false), force: z.boolean().default(false) });

/**
 * `POST /api/v1/rollouts` begins a rollout, `GET` lists them or tells of one, and `POST …/<id>/pause`, `resume` and `abort`
 * say what is to become of it. All take the operator's token.
 */
export class RolloutDoor extends OperatorDoor {
  readonly maxBodyBytes = 64 * 1024;
  protected readonly pattern = /^\/api\/v1\/rollouts(?:\/([0-9a-z-]+)(?:\/(pause|resume|abort))?)?$/;

  constructor(private readonly options: RolloutDoorOptions) {
    super(options);
  }

  protected async reply(request: OperatorRequest): Promise<DoorAnswer> {
    const [id, act] = request.groups;
    const isPost = request.method === 'POST';
    if (!isPost && request.method !== 'GET') throw new DoorFault(405, 'only GET and POST');
    if (isPost && id === undefined) return this.begin(request);
    if (isPost && act !== undefined) return this.order(request, this.find(id!), act as 'pause' | 'resume' | 'abort');
    if (isPost || act !== undefined) throw new DoorFault(405, 'GET a rollout, POST what is to become of it');
    if (id !== undefined) return { status: 200, body: viewRollout(this.find(id), this.options.rollouts) };
    const all = this.options.rollouts.book.all().map((one) => summaryOf(viewRollout(one, this.options.rollouts)));
    return { status: 200, body: { rollouts: all } };
  }

  private find(id: string): Rollout {
    const rollout = this.options.rollouts.book.get(id);
    if (!rollout) throw new DoorFault(404, `no rollout ${id} is known`);
    return rollout;
  }

  private async begin(request: OperatorRequest): Promise<DoorAnswer> {
    const asked = parseJson(request.body, rolloutRequestSchema, 'rollout');
    const { rollouts, folder, clock } = this.options;
    if (asked.completeness && !rollouts.knowsCompleteness) {
      const next = 'set gateway.rollout.api, or say completeness: false';
      throw new DoorFault(409, `this gateway cannot ask whether what devices send is complete: ${next}`);
    }
    const { head, devices, leftOut } = planRollout(asked, (await folder?.list()) ?? [], this.options);
    if (asked.dryRun)
      return { status: 200, body: { dryRun: true, version: asked.version, stages: head.stages, devices, leftOut } };
    if (devices.length === 0) throw new DoorFault(409, `no device would take part: ${JSON.stringify(leftOut)}`);
    this.refuseConflicts(devices.map(deviceKey));
    const id = this.newId(asked);
    const note = { what: 'rollout', target: id, detail: `${asked.version} to ${devices.length} devices` } as const;
    await this.act(request, note, async () => {
      const whole = { ...head, by: operator, createdUs: clock.nowUs() };
      for (const group of recordsOf(id, whole, devices)) await rollouts.append(group);
      await this.removeOld();
    });
    return { status: 201, body: { ...viewRollout(this.find(id), rollouts), leftOut } };
  }

  /** Two that want different things of one device would undo each other. */
  private refuseConflicts(devices: readonly string[]): void {
    const wanted = new Set(devices);
    for (const rollout of this.options.rollouts.book.all().filter(isUnderway)) {
      const shared = rollout.devices.flat().find((device) => wanted.has(deviceKey(device)));
      if (!shared) continue;
      throw new DoorFault(
        409,
        `${deviceKey(shared)} is in rollout ${rollout.id}, which is under way: abort that first`,
      );
    }
  }

  private async order(
    request: OperatorRequest,
    rollout: Rollout,
    act: 'pause' | 'resume' | 'abort',
  ): Promise<DoorAnswer> {
    const text = request.body.byteLength === 0 ? Buffer.from('{}') : request.body;
    const { revert, force } = parseJson(text, abortSchema, act);
    const { rollouts, clock } = this.options;
    const status = statusOf(rollout);
    const want = { pause: 'pause', resume: 'run', abort: 'abort' } as const;
    const order: RolloutOrder = { want: want[act], revert, atUs: clock.nowUs(), by: operator };
    const note = { what: 'rollout', target: rollout.id, detail: revert ? 'abort, and back' : act } as const;
    await this.act(request, note, async () => {
      // What has ended may still be taken back.
      const isOver = status !== 'running' && status !== 'paused';
      if (isOver && !(act === 'abort' && revert)) throw new DoorFault(409, `it is ${status} already`);
      if (revert && act !== 'abort') throw new DoorFault(400, 'only an abort takes devices back');
      if (revert) await this.keepReleasesBefore(rollout, force);
      await rollouts.append([orderRecord(rollout.id, order)]);
    });
    return { status: 200, body: viewRollout(this.find(rollout.id), rollouts) };
  }

  private async keepReleasesBefore(rollout: Rollout, force: boolean): Promise<void> {
    const { folder, rollouts } = this.options;
    const { back, missing } = releasesBefore(touchable(rollout), (await folder?.list()) ?? []);
    if (missing.length > 0 && !force) {
      const next = 'bring them by fieldline release push, or force: devices that ran them keep what they have';
      throw new DoorFault(409, `releases to go back to are not here (${missing.join(', ')}): ${next}`);
    }
    const records = back.map((one, n) => rolloutRecord(rolloutKey(rollout.id, 'back', n), one));
    if (records.length > 0) await rollouts.append(records);
  }

  private async removeOld(): Promise<void> {
    const { rollouts } = this.options;
    const old = rollouts.book
      .all()
      .slice(maxKept)
      .filter((rollout) => !isUnderway(rollout));
    for (const rollout of old) await rollouts.append(removalOf(rollout));
  }

  private newId({ version }: RolloutRequest): string {
    const digits = Array.from({ length: 6 }, () => Math.floor(this.options.random() * 16).toString(16)).join('');
    const name = version
      .toLowerCase()
      .replaceAll(/[^0-9a-z]+/g, '-')
      .slice(0, 26);
    return `${name.replace(/^-+|-+$/g, '') || 'r'}-${digits}`;
  }
}
