import { describe, expect, it } from 'vitest';
import { arrivalOf, arrivalOfAll, missingCount } from '../../../cloud/console/page/model/arrival.js';
import type { DeviceView } from '../../../cloud/console/page/api/types.js';

function device(over: Partial<DeviceView>): DeviceView {
  return {
    site: 'p',
    device: 'd',
    state: 'adopted',
    title: null,
    speaksAs: null,
    release: null,
    online: true,
    session: null,
    epoch: null,
    version: null,
    lastSeq: 99,
    received: 100,
    missing: [],
    completeness: 1,
    lastSeenUs: 0,
    sensors: 1,
    pending: 0,
    bytes: 0,
    ...over,
  };
}

describe('what of a device’s packs arrived', () => {
  it('is whole when all are here, and when there are none', () => {
    expect(arrivalOf(device({}))).toEqual({ gaps: [], onTheWay: 0, share: 1 });
    expect(arrivalOf(device({ lastSeq: -1, received: 0 })).share).toBe(1);
    expect(arrivalOf(device({ received: null })).share).toBeNull();
  });

  it('has gaps, and a tail that is on its way', () => {
    const missing = [
      [10, 12],
      [97, 99],
    ] as const;
    const arrival = arrivalOf(device({ received: 94, missing }));
    expect(arrival).toEqual({ gaps: [[10, 12]], onTheWay: 3, share: 94 / 97 });
    expect(missingCount(device({ received: 94, missing }))).toBe(3);
  });

  it('misses a tail that is longer than the device says is waiting', () => {
    const tail = device({ received: 80, missing: [[80, 99]] });
    expect(arrivalOf(tail)).toEqual({ gaps: [[80, 99]], onTheWay: 0, share: 0.8 });
    expect(arrivalOf({ ...tail, pending: 20 })).toEqual({ gaps: [], onTheWay: 20, share: 1 });
  });

  it('misses the tail of a device that is gone', () => {
    expect(arrivalOf(device({ online: false, received: 99, missing: [[99, 99]] })).gaps).toEqual([[99, 99]]);
  });

  it('adds up over the devices of which it is known', () => {
    const devices = [device({}), device({ received: 98, missing: [[98, 99]] }), device({ lastSeq: null })];
    expect(arrivalOfAll(devices)).toEqual({ made: 200, stored: 198, onTheWay: 2 });
  });
});
