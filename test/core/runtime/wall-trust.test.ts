import { describe, expect, it } from 'vitest';
import { WallTrust, systemMachine, type Machine, type TrustMode } from '../../../core/runtime/wall-trust.js';

const floorUs = Date.UTC(2026, 10, 1) * 1000;
const nowUs = Date.UTC(2026, 10, 21, 10, 0, 3) * 1000;
const marker = '/run/systemd/timesync/synchronized';
const drift = '/var/lib/chrony/chrony.drift';
const zone = 3600e6;

interface Signs {
  readonly board?: boolean;
  readonly hardwareUs?: number;
  readonly files?: Record<string, number>;
}

function trust(mode: TrustMode, { board = true, hardwareUs, files = {} }: Signs = {}) {
  const machine: Machine = {
    exists: (path) => path in files || (board && path === '/proc/device-tree'),
    writtenMs: (path) => files[path],
    text: () => (hardwareUs === undefined ? undefined : `${Math.floor(hardwareUs / 1e6)}\n`),
  };
  return new WallTrust({ mode, markers: [marker, drift], machine, floorUs: () => floorUs });
}

describe('the clock of the system', () => {
  it.each<[string, boolean, TrustMode, Signs, number?]>([
    ['of a board is a guess when it starts, even one that looks good', false, 'auto', {}],
    ['of a board is believed once a time server has set it', true, 'auto', { files: { [marker]: 1 } }],
    ['of a board is believed at once if somebody says so', true, 'system', {}, 0],
    ['of a laptop is believed', true, 'auto', { board: false, hardwareUs: nowUs }],
    ['of a laptop in local time is believed', true, 'auto', { board: false, hardwareUs: nowUs + 5.5 * zone }],
    ['of a container or a virtual machine is believed', true, 'auto', { board: false }],
    ['of a laptop with an empty battery is not', false, 'auto', { board: false, hardwareUs: 0 }, 4e6],
    ['before the floor is not', false, 'auto', { board: false }, floorUs - 1],
    ['of a board with a hardware clock that agrees is believed', true, 'auto', { hardwareUs: nowUs - 2e6 }],
    ['of a board whose hardware clock has no battery is not', false, 'auto', { hardwareUs: 40e6 }],
    ['is not, where the hardware clock says another time', false, 'auto', { hardwareUs: nowUs + 7 * 60e6 }],
    ['of a laptop is not, where only a time server is believed', false, 'synced', { board: false, hardwareUs: nowUs }],
    ['is, where only a time server is believed and has set it', true, 'synced', { files: { [marker]: 1 } }, 0],
  ])('%s', (_what, expected, mode, signs, wallUs = nowUs) => {
    expect(trust(mode, signs).trusts(wallUs)).toBe(expected);
  });

  it('is believed when a file that outlives a boot is written anew, not because it is there', () => {
    const files: Record<string, number> = { [drift]: 1000 };
    const chrony = trust('auto', { files });
    expect(chrony.trusts(nowUs)).toBe(false);
    files[drift] = 2000;
    expect(chrony.trusts(nowUs)).toBe(true);
  });

  it('is believed on this machine, so that a laptop needs no setting', () => {
    const here = new WallTrust({ mode: 'auto', markers: [], machine: systemMachine, floorUs: () => 0 });
    // Unless the tests run on a board.
    if (!systemMachine.exists('/proc/device-tree')) expect(here.trusts(Date.now() * 1000)).toBe(true);
    expect(systemMachine.text('/nowhere')).toBeUndefined();
    expect(systemMachine.writtenMs('/nowhere')).toBeUndefined();
  });
});
