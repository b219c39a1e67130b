import { describe, expect, it } from 'vitest';
import { KeptSessions } from '../../../gateway/broker/open-publishes.js';

const hourMs = 3_600_000;

function sessions() {
  const clock = { nowMs: 0 };
  return { clock, kept: new KeptSessions<string>(() => clock.nowMs) };
}

describe('open publishes', () => {
  it('are new once, until their PUBREL', () => {
    const open = sessions().kept.resume('a', 'first', true);
    expect(open.begin(7)).toBe('new');
    expect(open.begin(7)).toBe('storing');
    open.stored(7);
    expect(open.begin(7)).toBe('stored');
    expect(open.end(7)).toBe(true);
    expect(open.end(7)).toBe(false);
    expect(open.begin(7)).toBe('new');
  });

  it('outlive the connection of a session that is not clean, and answer the newest one', () => {
    const { kept } = sessions();
    const before = kept.resume('a', 'first', false);
    before.begin(7);
    kept.leave('a', before, 'first');
    const after = kept.resume('a', 'second', false);
    before.stored(7);
    expect(after.begin(7)).toBe('stored');
    expect(after.connection).toBe('second');
    expect(kept.resume('b', 'other', false).begin(7)).toBe('new');
  });

  it('stay when the old connection is noticed to be gone after the new one is there', () => {
    const { kept } = sessions();
    const before = kept.resume('a', 'first', false);
    const after = kept.resume('a', 'second', false);
    kept.leave('a', before, 'first');
    after.begin(7);
    kept.leave('a', after, 'second');
    expect(kept.resume('a', 'third', false).begin(7)).toBe('storing');
  });

  it('go with a clean session, and after an hour', () => {
    const { kept, clock } = sessions();
    const before = kept.resume('a', 'first', false);
    before.begin(7);
    expect(kept.resume('a', 'second', true).begin(7)).toBe('new');
    const again = kept.resume('b', 'first', false);
    again.begin(7);
    kept.leave('b', again, 'first');
    clock.nowMs = hourMs + 1;
    expect(kept.resume('b', 'second', false).begin(7)).toBe('new');
  });

  it('are bounded', () => {
    const { kept } = sessions();
    const open = kept.resume('a', 'first', false);
    for (let id = 1; id <= 3000; id += 1) open.begin(id);
    expect(open.size).toBe(1024);
    expect(open.begin(3000)).toBe('storing');
    for (let i = 0; i < 20_000; i += 1) kept.resume(`client-${i}`, 'c', false);
    expect(kept.size).toBe(10_000);
  });
});
