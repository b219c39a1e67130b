import { describe, expect, it } from 'vitest';
import { PackNumbers } from '../../../gateway/epochs/pack-numbers.js';

const [device, epoch] = ['plant1/press-07', 'e'.repeat(32)];
const bytes = (text: string) => Buffer.from(text);

describe('numbers of packs', () => {
  it('may come again with the same pack, in any order, and not with another', () => {
    const numbers = new PackNumbers();
    for (const seq of [0, 2, 1, 2, 0]) expect(numbers.note(device, epoch, seq, bytes(`pack ${seq}`))).toBe(true);
    expect(numbers.note(device, epoch, 1, bytes('another'))).toBe(false);
    expect(numbers.note(device, epoch, 1, bytes('pack 1'))).toBe(true);
    expect(numbers.highest(device, epoch)).toBe(2);
  });

  it('are those of one device and one epoch', () => {
    const numbers = new PackNumbers();
    numbers.note(device, epoch, 1, bytes('one'));
    expect(numbers.note(device, 'f'.repeat(32), 1, bytes('another'))).toBe(true);
    expect(numbers.note('plant1/oven-02', epoch, 1, bytes('another'))).toBe(true);
    expect(numbers.highest('plant1/oven-03', epoch)).toBe(-1);
  });

  it('are remembered by content for the last 512, and an older one that comes again pushes none of them out', () => {
    const numbers = new PackNumbers();
    for (let seq = 0; seq < 1000; seq += 1) numbers.note(device, epoch, seq, bytes(`pack ${seq}`));
    expect(numbers.note(device, epoch, 487, bytes('another'))).toBe(true);
    for (const seq of [488, 999]) expect(numbers.note(device, epoch, seq, bytes('another'))).toBe(false);
  });

  it('are in dispute from a last number that is too low, for good', () => {
    const numbers = new PackNumbers();
    const say = (session: string, lastSeq: number) => numbers.compare(device, { epoch, session, lastSeq });
    numbers.learn(device, epoch, 100);
    say('a', 100);
    say('b', 120);
    // The message was late, and so was its number.
    say('a', 110);
    expect(numbers.isDisputed(device, epoch)).toBe(false);
    say('c', 119);
    say('d', 200);
    expect(numbers.isDisputed(device, epoch)).toBe(true);
    expect(numbers.session(device, epoch)).toBe('d');
  });

  it('of more epochs of one device than four are forgotten, the oldest first', () => {
    const numbers = new PackNumbers();
    for (const digit of 'abcde') numbers.learn(device, digit.repeat(32), 7);
    expect(['a', 'b', 'e'].map((digit) => numbers.highest(device, digit.repeat(32)))).toEqual([-1, 7, 7]);
  });
});
