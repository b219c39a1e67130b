import { deviceEventKey, type DeviceEventKind } from '../../core/contract/device-events.js';
import type { DeviceId } from '../../core/contract/names.js';
import type { DesiredRelease, ReleaseReport } from '../../core/contract/release.js';
import { rolloutKey, type RolloutHead, type RolloutRecordKind } from '../../core/contract/rollout.js';
import { rolloutRecord } from '../../core/contract/rollout-book.js';
import type { LogRecord } from '../../core/log/log.js';
import { systemClock } from '../../core/runtime/clock.js';
import { makeRelease } from '../gateway/releases/make-release.js';

const id = '1-5-0-a1b2c3';
const version = '1.5.0';
const { release } = makeRelease(version);
const sources = ['http://gateway.plant1:8090/releases'];

/** A rollout whose first stage is through and whose second one is open, as gateways and devices write it into the log. */
export function plantRollout(): LogRecord[] {
  const places = [place('pi-gateway', 0), place('press-1', 1), place('press-2', 1), place('pi-line-2', 2)];
  const reason = 'the gateway acknowledged no data of it within 10 minutes';
  return [
    said('press-1', 'registration', {
      type: 'registration',
      state: 'adopted',
      sinceUs: 1,
      by: 'test',
      title: 'Oven 2',
    }),
    of('devices', { devices: places }),
    of('head', head()),
    ...[0, 1].map((stage) => of('stage', { openedUs: systemClock.nowUs() }, stage)),
    ...['pi-gateway', 'press-1', 'press-2'].map((device) => said(device, 'release', wish())),
    reported('pi-gateway', { status: 'confirmed' }),
    reported('press-1', { status: 'rolled-back', running: '1.2.3', reason }),
    reported('press-2', { status: 'fetching', running: '1.2.3' }),
  ];
}

/** An operator pauses it. */
export function pausedRollout(): LogRecord[] {
  return [of('order', { want: 'pause', atUs: systemClock.nowUs(), by: 'operator' })];
}

/** A device of the rollout says something. */
export function reported(device: string, over: Partial<ReleaseReport>): LogRecord {
  const timeUs = systemClock.nowUs();
  const about = { session: '00000000000000aa', id, running: version, version, arch: 'arm64', timeUs };
  return said(device, 'release-report', { type: 'release', ...about, ...over });
}

function head(): RolloutHead {
  const stages = [
    { name: 'canary', select: 'label:ring=canary' },
    { name: '50%', select: '50%' },
    { name: '100%', select: '100%' },
  ];
  return {
    ...{ type: 'rollout', format: 1, version, releases: { arm64: release }, sources, trialMs: 600_000, stages },
    ...{ maxFailures: 1, completeness: true, createdUs: systemClock.nowUs(), by: 'operator', chunks: 1 },
  };
}

function wish(): DesiredRelease {
  return { type: 'fieldline-desired-release', format: 1, release, sources, trialMs: 600_000, id };
}

function place(device: string, stage: number) {
  return { site: 'plant1', device, arch: 'arm64', stage, from: '1.2.3' };
}

function of(kind: RolloutRecordKind, body: object, n = 0): LogRecord {
  return rolloutRecord(rolloutKey(id, kind, n), body);
}

function said(device: string, kind: DeviceEventKind, body: object): LogRecord {
  const who: DeviceId = { site: 'plant1', device };
  return { key: deviceEventKey(who, kind), value: Buffer.from(JSON.stringify(body)) };
}
