import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalogueHash } from '../../../../core/contract/catalogue.js';
import { deviceStateSchema, type Birth } from '../../../../core/contract/device-events.js';
import { decodePack } from '../../../../core/contract/pack.js';
import type { LogRecord } from '../../../../core/log/log.js';
import { AnnouncedDevices } from '../../../../gateway/intake/foreign/announced-devices.js';
import type { ForeignReading } from '../../../../gateway/intake/foreign/foreign.js';
import { PackMaker, type MessageOrigin } from '../../../../gateway/intake/foreign/pack-maker.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { receivedUs } from './sources.js';

const pump = { site: 'plant1', device: 'pump' };
const own = (sensor: string, timeUs: number, over: Partial<ForeignReading> = {}): ForeignReading => ({
  sensor,
  timeUs: receivedUs + timeUs,
  value: 1,
  quality: 'good',
  unit: 'Cel',
  ...over,
});
const at = (sensor: string, value = 1): ForeignReading => own(sensor, 0, { value, atReceipt: true });

function setUp(limits: Partial<PackMaker['options']['limits']> = {}, announced = new AnnouncedDevices()) {
  const clock = new ManualClock();
  let drawn = 0;
  const random = () => ((drawn += 1) % 97) / 97;
  const maker = new PackMaker({
    clock,
    random,
    limits: { maxDevices: 100, maxSensors: 100, ...limits },
    announced: (device) => announced.sensorsOf(device),
  });
  const take = (readings: readonly ForeignReading[], over: Partial<MessageOrigin> = {}, device = pump) => {
    maker.beginMessage();
    const origin = { lane: 'a', type: 'senml', receivedUs, retained: false, ...over };
    return maker.take({ device, readings }, origin);
  };
  return { maker, clock, take };
}

const packsOf = ({ packs }: { readonly packs: readonly LogRecord[] }) =>
  packs.map(({ value }) => decodePack(value, pump));
const stampsOf = (made: { readonly packs: readonly LogRecord[] }) =>
  packsOf(made).flatMap(({ points }) => points.map(({ timeUs }) => timeUs - receivedUs));
const births = ({ events }: { readonly events: readonly LogRecord[] }) =>
  events
    .filter(({ key }) => key.endsWith('/birth/current'))
    .map(({ value }) => deviceStateSchema.parse(JSON.parse(Buffer.from(value).toString())) as Birth);

describe('packs of foreign readings', () => {
  it('are numbered from 0 in an epoch of the device, with a catalogue that was announced before', () => {
    const { take } = setUp();
    const first = take([own('t', 0), own('p', 0, { unit: 'hPa', quantity: 'Pressure (abs)', labels: { Floor: '2' } })]);
    const [birth] = births(first);
    const [pack] = packsOf(first);
    expect(pack).toMatchObject({ ...pump, seq: 0, epoch: birth!.epoch, catalogue: birth!.catalogueHash });
    expect(catalogueHash(birth!.catalogue)).toBe(birth!.catalogueHash);
    expect(birth).toMatchObject({ lastSeq: -1, version: 'foreign/senml' });
    expect(birth!.catalogue.sensors).toMatchObject({
      t: { quantity: 't', unit: 'Cel' },
      p: { quantity: 'pressure_abs', unit: 'hPa', labels: { floor: '2' } },
    });
    expect(first.events.map(({ key }) => key)).toContain(`plant1/pump/catalogue/${pack!.catalogue}`);
    first.stored();
    const second = take([own('t', 1)]);
    expect(second.events).toEqual([]);
    expect(packsOf(second)[0]).toMatchObject({ seq: 1, epoch: pack!.epoch, catalogue: pack!.catalogue });
  });

  it('are announced in each lane until the announcement is durable, and again when a sensor is new or its unit another', () => {
    const { take } = setUp();
    const first = take([own('t', 0)]);
    expect(births(first)).toHaveLength(1);
    expect(births(take([own('t', 1)]))).toHaveLength(0);
    expect(births(take([own('t', 2)], { lane: 'b' }))).toHaveLength(1);
    first.stored();
    expect(births(take([own('t', 3)], { lane: 'c' }))).toHaveLength(0);
    expect(births(take([own('u', 4)]))[0]!.catalogue.sensors).toHaveProperty('u');
    expect(births(take([own('t', 5, { unit: 'K' })]))[0]!.catalogue.sensors['t']).toMatchObject({ unit: 'K' });
    // A message that leaves the unit out says nothing of it.
    expect(births(take([own('t', 6, { unit: undefined })]))).toHaveLength(0);
  });

  it('never have two readings of a sensor with one stamp in a message; the same message again has the same stamps', () => {
    const { take } = setUp();
    const readings = [own('t', 0), own('t', 0), own('t', 1), own('t', 0), own('p', 0), own('t', 5)];
    const stamps = stampsOf(take(readings));
    expect(stamps).toEqual([0, 1, 2, 3, 0, 5]);
    expect(stampsOf(take(readings))).toEqual(stamps);
  });

  it('of readings without a time of their own, none shares its stamp with one of a message before', () => {
    const { take } = setUp();
    expect(stampsOf(take([at('t'), at('p'), at('t')]))).toEqual([0, 0, 1]);
    expect(stampsOf(take([at('t'), at('p')]))).toEqual([2, 1]);
  });

  it('any readings: nothing is lost, nothing shares a stamp', () => {
    const readings = fc.array(
      fc.record({
        sensor: fc.constantFrom('a', 'b'),
        us: fc.integer({ min: 0, max: 6 }),
        value: fc.double({ noNaN: true }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(readings, (drawn) => {
        const made = setUp().take(drawn.map(({ sensor, us, value }) => own(sensor, us, { value })));
        const points = packsOf(made).flatMap((pack) => pack.points);
        const refused = made.refused.reduce((sum, one) => sum + one.readings, 0);
        expect(points.length + refused).toBe(drawn.length);
        expect(new Set(points.map(({ sensor, timeUs }) => `${sensor} ${timeUs}`)).size).toBe(points.length);
        const finite = drawn.filter(({ value }) => Number.isFinite(value));
        expect(points.map(({ value }) => value)).toEqual(finite.map(({ value }) => value + 0));
      }),
      { numRuns: 200 },
    );
  });

  it('are split where one would be too large for the contract', () => {
    const { take } = setUp();
    const many = take(Array.from({ length: 2500 }, (_, i) => own('t', i)));
    expect(packsOf(many).map(({ seq, points }) => [seq, points.length])).toEqual([
      [0, 1000],
      [1, 1000],
      [2, 500],
    ]);
    const texts = take(Array.from({ length: 400 }, (_, i) => own('s', i, { value: '\u0000'.repeat(4096) })));
    expect(packsOf(texts).reduce((sum, { points }) => sum + points.length, 0)).toBe(400);
  });

  it('refuse what no pack can carry, and sensors and devices beyond the limits, with a reason', () => {
    const { take } = setUp({ maxSensors: 2, maxDevices: 1 });
    const made = take([
      own('t', 0, { value: NaN }),
      own('t', 0, { value: 'x'.repeat(4097) }),
      own('t', -receivedUs),
      own('t', 0, { timeUs: 2 ** 53 }),
      own('no name', 0),
      own('a', 0),
      own('b', 0),
      own('c', 0),
      own('c', 1),
    ]);
    expect(made.refused.map(({ reason, readings }) => [reason, readings])).toEqual([
      ['not-finite', 1],
      ['text-too-long', 1],
      ['bad-time', 2],
      ['schema', 1],
      ['sensor-limit', 2],
    ]);
    expect(made.readings).toBe(9);
    expect(stampsOf(made)).toHaveLength(2);
    expect(take([own('t', 0)], {}, { ...pump, device: 'other' }).refused).toMatchObject([
      { reason: 'device-limit', readings: 1 },
    ]);
  });

  it('a device that was silent for an hour makes room; when it is back it has a new epoch', async () => {
    const { take, maker, clock } = setUp({ maxDevices: 1 });
    const first = take([own('t', 0)]);
    first.stored();
    await clock.advance(3_600_000);
    const other = take([own('t', 0)], {}, { ...pump, device: 'other' });
    other.stored();
    expect(other.refused).toEqual([]);
    expect(maker.size).toBe(1);
    await clock.advance(3_600_000);
    const back = take([own('t', 0)]);
    expect(packsOf(back)[0]).toMatchObject({ seq: 0 });
    expect(packsOf(back)[0]!.epoch).not.toBe(packsOf(first)[0]!.epoch);
  });

  it('values that a broker kept from before count only with times of their own', () => {
    const { take } = setUp();
    const made = take([at('t'), own('t', 5)], { retained: true });
    expect(stampsOf(made)).toEqual([5]);
    expect(made.refused).toMatchObject([{ reason: 'retained', readings: 1 }]);
  });

  it('a dead letter that is replayed becomes the same packs each time', () => {
    const { take } = setUp();
    take([at('t')]).stored();
    const replay = () => packsOf(take([at('t'), at('t')], { replayOf: 'dead-letters/0/17' }));
    expect(replay()).toEqual(replay());
    expect(replay()[0]).toMatchObject({ seq: 0, points: [{ timeUs: receivedUs }, { timeUs: receivedUs + 1 }] });
    expect(packsOf(take([at('t')]))[0]!.seq).toBe(1);
  });
});

describe('what is said of foreign devices', () => {
  it('a heartbeat names the last number up to which all is durable, once', () => {
    const { take, maker } = setUp();
    const [first, second, third] = [take([own('t', 0)]), take([own('t', 1)]), take([own('t', 2)])];
    const beat = () => {
      const [device] = maker.all();
      const record = maker.heartbeat(device!);
      return record && (JSON.parse(Buffer.from(record.value).toString()) as { lastSeq: number; pending: number });
    };
    expect(beat()).toBeUndefined();
    first.stored();
    third.stored();
    expect(beat()).toMatchObject({ type: 'heartbeat', lastSeq: 0, pending: 1 });
    expect(beat()).toBeUndefined();
    second.stored();
    expect(beat()).toMatchObject({ lastSeq: 2, pending: 0 });
  });

  it('a device that went is offline, and is announced anew when it is back', () => {
    const { take, maker } = setUp();
    const first = take([own('t', 0)]);
    first.stored();
    maker.beginMessage();
    const origin = { lane: 'a', type: 'senml', receivedUs, retained: false };
    const gone = maker.take({ device: pump, readings: [], presence: 'offline' }, origin);
    gone.stored();
    expect(gone.events.map(({ key }) => key)).toEqual(['plant1/pump/offline/current']);
    const [before] = births(first);
    expect(JSON.parse(Buffer.from(gone.events[0]!.value).toString())).toEqual({
      type: 'offline',
      session: before!.session,
    });
    const [after] = births(take([own('t', 1)]));
    expect(after!.session).not.toBe(before!.session);
    expect(after!.epoch).toBe(before!.epoch);
  });

  it('a new run goes on with the catalogue of the one before, and nobody speaks for a device of our own', () => {
    const first = setUp().take([own('t', 0), own('p', 0)]);
    const announced = new AnnouncedDevices();
    const learn = (value: Uint8Array, device = pump) => announced.learn({ device, kind: 'birth', value });
    const record = first.events.find(({ key }) => key.endsWith('/birth/current'))!;
    learn(record.value);
    expect(announced.isOwn(pump)).toBe(false);
    const second = setUp({}, announced).take([own('p', 1)]);
    expect(births(second)[0]!.catalogueHash).toBe(births(first)[0]!.catalogueHash);
    const ours = { ...(JSON.parse(Buffer.from(record.value).toString()) as object), version: '1.0.0' };
    learn(Buffer.from(JSON.stringify(ours)));
    expect(announced.isOwn(pump)).toBe(true);
    learn(Buffer.from('no birth'));
    learn(Buffer.alloc(0));
    expect(announced.isOwn(pump)).toBe(false);
  });
});
