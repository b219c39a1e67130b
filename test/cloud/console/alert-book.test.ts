import { describe, expect, it } from 'vitest';
import { AlertBook } from '../../../cloud/console/page/model/alert-book.js';
import type { DeviceAlert } from '../../../cloud/console/page/api/types.js';

function alert(timeUs: number, state: DeviceAlert['state'], over: Partial<DeviceAlert> = {}): DeviceAlert {
  const place = { site: 'p', device: 'd', sensor: 's', rule: 'high' };
  return { ...place, state, severity: 'warning', timeUs, value: 1, threshold: 0, message: '', ...over };
}

describe('the book of alerts', () => {
  it('takes each once, in any order, and shows the newest first', () => {
    const book = new AlertBook();
    expect(book.add([alert(2, 'cleared'), alert(1, 'raised')])).toHaveLength(2);
    expect(book.add([alert(1, 'raised'), alert(3, 'raised')])).toHaveLength(1);
    expect(book.history().map(({ timeUs }) => timeUs)).toEqual([3, 2, 1]);
  });

  it('knows what still stands: the severest first, then the newest', () => {
    const book = new AlertBook();
    const critical = { device: 'x', severity: 'critical' } as const;
    book.add([
      alert(1, 'raised'),
      alert(2, 'cleared'),
      alert(3, 'raised', critical),
      alert(9, 'raised', { rule: 'low' }),
    ]);
    book.add([alert(5, 'raised', { sensor: 'other' })]);
    expect(book.raised().map(({ timeUs }) => timeUs)).toEqual([3, 9, 5]);
  });

  it('takes a clearing of the same microsecond as the later word', () => {
    const book = new AlertBook();
    book.add([alert(1, 'cleared'), alert(1, 'raised')]);
    expect(book.raised()).toEqual([]);
  });

  it('is bounded, and forgets the oldest', () => {
    const book = new AlertBook(10);
    book.add(Array.from({ length: 30 }, (_, i) => alert(i, 'raised')));
    expect(book.history().map(({ timeUs }) => timeUs)).toEqual([29, 28, 27, 26, 25, 24, 23, 22, 21, 20]);
  });
});
