import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planStages } from '../../../gateway/rollout/plan.js';
import { parsePercent, parseSelector, SelectorError } from '../../../gateway/rollout/selector.js';

const devices = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    site: n % 2 ? 'plant1' : 'plant2',
    device: `pi-${n}`,
    labels: { ring: n < 3 ? ['canary'] : ['rest'], floor: [String(n % 4)] },
  }));
const sizes = (count: number, ...stages: string[]) => {
  const stageOf = planStages(
    devices(count),
    stages.map((select) => ({ select })),
  );
  return stages.map((_, stage) => [...stageOf.values()].filter((one) => one === stage).length);
};

describe('the stages of a rollout', () => {
  it('count percentages over all devices, those of earlier stages included', () => {
    expect(sizes(100, 'label:ring=canary', '10%', '50%', '100%')).toEqual([3, 7, 40, 50]);
    expect(sizes(3, '10%', '50%', '100%')).toEqual([1, 1, 1]);
    expect(sizes(100, '7%')).toEqual([7]);
    expect(sizes(10, 'site:plant1', '20%', 'all')).toEqual([5, 0, 5]);
    expect(sizes(4, 'device:plant*/pi-1+plant2/pi-2', 'label:floor')).toEqual([2, 2]);
  });

  it('hold each device once at most, in the same way whatever order the devices come in', () => {
    const stage = fc.constantFrom('all', 'site:plant1', 'label:floor=2', '5%', '33.3%', '100%', 'plant2/pi-*');
    fc.assert(
      fc.property(fc.nat(60), fc.array(stage, { minLength: 1, maxLength: 6 }), (count, selects) => {
        const stages = selects.map((select) => ({ select }));
        const one = planStages(devices(count), stages);
        const other = planStages(devices(count).reverse(), stages);
        expect(Object.fromEntries(one)).toEqual(Object.fromEntries(other));
        if (selects.includes('all') || selects.includes('100%')) expect(one.size).toBe(count);
      }),
    );
  });

  it.each(['', 'label:', 'plant1', 'plant1/pi/x', '50', 'site:', 'a b/c'])('refuse %j', (text) => {
    expect(() => parseSelector(text)).toThrow(SelectorError);
  });

  it('take a star for anything but a slash, and every other character for itself', () => {
    const meets = (text: string, site: string, device: string) => parseSelector(text)({ site, device, labels: {} });
    expect(meets('plant1/pi.1', 'plant1', 'pix1')).toBe(false);
    expect(meets('plant1/*', 'plant1', 'pi.1:a-b_c')).toBe(true);
    expect(meets('*/pi-0*', 'plant9', 'pi-07')).toBe(true);
    expect(parseSelector('label:constructor')({ site: 'a', device: 'b', labels: {} })).toBe(false);
    expect(parsePercent('12.5%')).toBe(12.5);
    for (const bad of ['0%', '101%']) expect(() => parsePercent(bad)).toThrow(SelectorError);
  });
});
