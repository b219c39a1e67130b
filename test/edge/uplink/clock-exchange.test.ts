import { describe, expect, it } from 'vitest';
import type { DeviceState } from '../../../core/contract/device-events.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { edgeConfigSchema } from '../../../edge/config.js';
import { mayTellTime } from '../../../edge/part-options.js';
import { ClockExchange } from '../../../edge/uplink/clock-exchange.js';
import { settle } from '../../support/manual-clock.js';
import { bootedUs, bootId, TestBoard } from '../clock/clock-under-test.js';

const session = 'a'.repeat(16);

async function exchangeOn(board: TestBoard, mayAsk = true) {
  const clock = await board.start();
  const sent: DeviceState[] = [];
  const send = async (state: DeviceState) => void sent.push(state);
  const exchange = new ClockExchange({ clock, session, mayAsk, send, logger: silentLogger });
  const ended = new AbortController();
  const running = exchange.run(ended.signal);
  await settle();
  const end = async () => {
    ended.abort();
    await running;
  };
  const queries = () => sent.flatMap((state) => (state.type === 'clock-query' ? [state.id] : []));
  /** The gateway answers the newest query: its clock is right but for `wrongByUs`. */
  const answer = (wrongByUs = 0, over: object = {}) => {
    const nowUs = bootedUs + board.system.monotonicMs() * 1000 + wrongByUs;
    const payload = Buffer.from(JSON.stringify({ receivedUs: nowUs, sentUs: nowUs, ...over }));
    return exchange.take(queries().at(-1), payload);
  };
  return { clock, exchange, sent, queries, answer, end };
}

describe('asking the gateway for the time', () => {
  it('believes an answer to half of its round trip, and asks again only hourly', async () => {
    const board = await TestBoard.create();
    const { clock, queries, answer, end } = await exchangeOn(board);
    expect(queries()).toEqual([`time-${session}-1`]);
    await board.system.advance(300);
    expect(answer()).toBe(true);
    // Asked at 0, answered by a clock that stood at 300 ms: in the middle it is taken for 150 ms.
    expect(clock.knownClocks()).toEqual([
      { bootId, offsetUs: bootedUs + 150_000, source: 'gateway', errorUs: 150_000 },
    ]);
    await board.system.advance(3_000_000);
    expect(queries()).toHaveLength(1);
    await board.system.advance(600_000);
    expect(queries()).toHaveLength(2);
    // Nobody answers: it asks again, more and more seldom.
    await board.system.advance(600_000);
    expect(queries().length).toBeGreaterThan(5);
    expect(queries().length).toBeLessThan(12);
    await end();
  });

  it.each<[string, number, object]>([
    ['came too late', 2100, {}],
    ['makes no sense', 100, { sentUs: 0 }],
    ['is none', 100, { receivedUs: 'now' }],
  ])('believes no answer that %s, and asks again soon', async (_what, afterMs, over) => {
    const board = await TestBoard.create();
    const { clock, queries, answer, end } = await exchangeOn(board);
    await board.system.advance(afterMs);
    answer(0, over);
    expect(clock.unsyncedBoot).toBe(bootId);
    await board.system.advance(9000);
    expect(queries().length).toBeGreaterThan(1);
    await end();
  });

  it('believes no answer to another question, nor one that nobody asked', async () => {
    const board = await TestBoard.create();
    const { clock, exchange, answer, end } = await exchangeOn(board);
    const payload = Buffer.from(JSON.stringify({ receivedUs: bootedUs, sentUs: bootedUs }));
    expect(exchange.take(`time-${session}-77`, payload)).toBe(true);
    expect(exchange.take('restart', payload)).toBe(false);
    expect(exchange.take(undefined, payload)).toBe(false);
    expect(clock.unsyncedBoot).toBe(bootId);
    answer();
    const { offsetUs } = clock.knownClocks()[0]!;
    answer(60e6);
    expect(clock.knownClocks()[0]!.offsetUs).toBe(offsetUs);
    await end();
  });

  it('asks only whom it may, and not at all where the system knows the time', async () => {
    const board = await TestBoard.create();
    const forbidden = await exchangeOn(board, false);
    await board.system.advance(60_000);
    expect(forbidden.queries()).toEqual([]);
    await forbidden.end();
    await board.synchronise();
    const known = await exchangeOn(board);
    await board.system.advance(60_000);
    expect(known.queries()).toEqual([]);
    await known.end();
  });

  it.each<[string, object, string | undefined, boolean]>([
    ['mqtts://gw:8883', { caFile: '/ca.pem' }, undefined, true],
    ['mqtts://gw:8883', {}, undefined, false],
    ['mqtt://gw:1883', { caFile: '/ca.pem' }, undefined, false],
    ['mqtt://gw:1883', {}, 'always', true],
    ['mqtts://gw:8883', { caFile: '/ca.pem' }, 'never', false],
  ])('%s %o, told %s: may ask %s', (url, gateway, told, expected) => {
    const clock = told === undefined ? {} : { gateway: told };
    const config = edgeConfigSchema.parse({ site: 's', device: 'd', gateway: { url, ...gateway }, clock });
    expect(mayTellTime(config)).toBe(expected);
  });
});

describe('telling the gateway of clocks', () => {
  it('says each once on a connection, when it is known and on the next one again', async () => {
    const board = await TestBoard.create();
    const { sent, end } = await exchangeOn(board, false);
    expect(sent).toEqual([]);
    await board.synchronise();
    await board.system.advance(5000);
    const clock = { type: 'clock', session, bootId, offsetUs: bootedUs, source: 'system' };
    expect(sent).toEqual([clock]);
    await end();
    const next = await exchangeOn(board, false);
    expect(next.sent).toEqual([clock]);
    await next.end();
  });
});
