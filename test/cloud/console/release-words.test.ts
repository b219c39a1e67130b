import { describe, expect, it } from 'vitest';
import { releaseMark } from '../../../cloud/console/page/model/release-mark.js';
import {
  heldWords,
  ordersOf,
  rolloutSentence,
  stageCounts,
  stageShares,
} from '../../../cloud/console/page/model/rollout-words.js';
import type { HeldDevice, ReleaseView, RolloutProgress, StageView } from '../../../cloud/console/page/api/types.js';

type Report = NonNullable<ReleaseView['report']>;

const wanted = { id: 'r-1', version: '1.5.0', sinceUs: 1 };
const reported = (over: Partial<Report>): Report => ({
  ...{ id: 'r-1', version: '1.5.0', status: 'confirmed', reason: null, sinceUs: 1 },
  ...over,
});

describe('the mark of a device', () => {
  it.each([
    ['nothing was ever said', null, null],
    ['it only told what it runs', { wanted: null, report: reported({ id: '', version: '1.4.0' }) }, null],
    ['told, no answer', { wanted, report: reported({ id: 'r-0', version: '1.4.0' }) }, '1.5.0 wanted'],
    ['never reported', { wanted, report: null }, '1.5.0 wanted'],
    ['fetching', { wanted, report: reported({ status: 'fetching' }) }, 'fetching 1.5.0'],
    ['on trial', { wanted, report: reported({ status: 'trying' }) }, 'trying 1.5.0'],
    ['gone back, and left alone', { wanted: null, report: reported({ status: 'rolled-back' }) }, '1.5.0 rolled back'],
    ['refused', { wanted, report: reported({ status: 'refused' }) }, '1.5.0 refused'],
    ['installed by hand since', { wanted: null, report: reported({ version: '1.3.0' }) }, null],
    ['as it should be', { wanted, report: reported({ version: '1.4.0' }) }, 'confirmed'],
  ])('%s', (_name, release, text) => {
    const mark = releaseMark({ version: '1.4.0', release: release && { ...release, from: null } });
    expect(mark?.text ?? null).toBe(text);
  });
});

const stage = (states: StageView['states']): StageView => ({
  ...{ name: 'all', select: 'all', status: 'open', openedUs: 1, offline: 0, states },
  devices: Object.values(states).reduce((sum, count) => sum + count, 0),
});
const rollout = (over: Partial<RolloutProgress>): RolloutProgress => ({
  ...{ id: 'r-1', version: '1.5.0', status: 'running', reason: null, reverts: false, createdUs: 1, sinceUs: 1 },
  ...{ devices: 1200, completeness: true, stage: 0 },
  stages: [stage({ complete: 1, trying: 2 })],
  ...over,
});

describe('a rollout in words', () => {
  it('has a bar whose parts add up to the devices, and a count for each state', () => {
    const one = stage({ waiting: 4, complete: 1, trying: 2, announced: 3, failed: 1, elsewhere: 1 });
    expect(stageShares(one)).toEqual([
      { share: 'through', count: 1 },
      { share: 'busy', count: 5 },
      { share: 'failed', count: 1 },
      { share: 'aside', count: 1 },
      { share: 'waiting', count: 4 },
    ]);
    expect(stageCounts(one).map(({ count, words }) => `${count} ${words}`)).toEqual([
      ...['1 complete', '2 trying', '3 announced', '1 rolled back or refused', '1 wanted to run another', '4 waiting'],
    ]);
  });

  it.each([
    [{}, 'Stage 1 of 1 is open. 1 of 1,200 devices complete.'],
    [{ stage: -1 }, 'The first stage is about to open. 1 of 1,200 devices complete.'],
    [{ status: 'paused' }, 'No further device begins. 1 of 1,200 devices complete.'],
    [
      { status: 'failed', reason: 'plant1/pi-3: rolled-back, crashed' },
      'No other device begins: plant1/pi-3: rolled-back, crashed.',
    ],
    [{ status: 'done', reason: 'all stages are through' }, 'Done: all stages are through.'],
    [{ status: 'aborted' }, 'Somebody ended it; devices keep what they have.'],
    [{ status: 'aborted', reverts: true }, 'Somebody ended it; devices that took it go back to what they ran before.'],
  ] as const)('%o', (over, words) => expect(rolloutSentence(rollout(over))).toBe(words));

  it('says which orders fit, and names the rollout where it is not the newest', () => {
    const commands = (over: Partial<RolloutProgress>, isNewest = true) =>
      ordersOf(rollout(over), isNewest).map(({ command }) => command.replace('fieldline fleet ', ''));
    expect(commands({})).toEqual(['pause', 'abort', 'abort --revert', 'status']);
    expect(commands({ status: 'paused' }, false)).toEqual([
      ...['resume r-1', 'abort r-1', 'abort r-1 --revert', 'status r-1'],
    ]);
    expect(commands({ status: 'failed' })).toEqual(['abort --revert', 'status']);
  });

  it('tells what a device is held up by', () => {
    const held = (over: Partial<HeldDevice>) =>
      heldWords({
        ...{ rollout: 'r-1', site: 'p', device: 'd', title: null, stage: 0, state: 'failed', said: 'rolled-back' },
        ...{ online: true, reason: null, sinceUs: 1, missing: null },
        ...over,
      });
    expect(held({})).toBe('rolled back');
    expect(held({ said: 'refused' })).toBe('refused');
    expect(held({ state: 'confirmed', missing: 2 })).toBe('2 packs missing');
    expect(held({ state: 'announced' })).toBe('announced');
  });
});
