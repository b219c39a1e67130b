import { dayUs } from '#core/contract/time.js';
import { describe, expect, test } from 'vitest';
import { Series, withChange, type TagVersion } from '../../../../cloud/store/influx/series-registry.js';
import { linePrefix, tagSetOf } from '../../../../cloud/store/influx/tag-set.js';
import { describeSensor } from '../../../support/packs.js';

const id = { site: 's', device: 'd', sensor: 'x' };

describe('tags', () => {
  test('only the chosen labels become tags, sorted and safe', () => {
    const labels = { room: 'a b,c=d', floor: '3', color: 'red', value: 'v', line: 'x\ny\\' };
    expect(tagSetOf(describeSensor({ labels }), ['room', 'floor', 'value', 'line', 'hall'])).toEqual({
      quantity: 'temperature',
      labels: [
        ['floor', '3'],
        ['label_value', 'v'],
        ['line', 'x_y_'],
        ['room', 'a b,c=d'],
      ],
    });
  });

  test('are written in the order of their names', () => {
    expect(linePrefix('a b,c', { z: '1', room: 'a b,c=d', device: 'e' })).toBe(
      'a\\ b\\,c,device=e,room=a\\ b\\,c\\=d,z=1 ',
    );
  });
});

describe('versions of a series', () => {
  const version = (quantity: string, fromUs: number): TagVersion => ({ quantity, labels: [], fromUs, sinceUs: 0 });
  const first = version('a', Number.NEGATIVE_INFINITY);

  test('a point has the tags of its own time, whatever was written before it', () => {
    const series = new Series(id, [first, version('b', dayUs), version('c', 3 * dayUs)]);
    const measurements = [-dayUs, 0, dayUs - 1, dayUs, 3 * dayUs - 1, 3 * dayUs, 9 * dayUs].map(
      (timeUs) => series.prefix('raw', timeUs).split(',')[0],
    );
    expect(measurements).toEqual(['a', 'a', 'a', 'b', 'b', 'c', 'c']);
    expect(series.prefix('window', 0)).toBe('a,device=d,form=window,sensor=x,site=s ');
  });

  test('a change replaces those that did not take effect before it', () => {
    const changed = withChange([first, version('b', dayUs)], version('c', dayUs));
    expect(changed.map(({ quantity, fromUs }) => [quantity, fromUs])).toEqual([
      ['a', Number.NEGATIVE_INFINITY],
      ['c', dayUs],
    ]);
  });

  test('a change back before it took effect leaves nothing of it but the stamp', () => {
    const back = { ...version('a', dayUs), sinceUs: 7 };
    expect(withChange([first, version('b', dayUs)], back)).toEqual([{ ...first, sinceUs: 7 }]);
  });
});
