import fc from 'fast-check';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { logTopics } from '../../../../core/contract/log-topics.js';
import { decodePack } from '../../../../core/contract/pack.js';
import { systemClock } from '../../../../core/runtime/clock.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import type { Decoded } from '../../../../gateway/intake/decoded.js';
import { openForeign } from '../../../../gateway/intake/foreign/open-foreign.js';
import { sourceSchema } from '../../../../gateway/intake/foreign/registry.js';
import { Intake } from '../../../../gateway/intake/intake.js';
import type { ForeignSource } from '../../../../gateway/intake/topic-router.js';
import { waitFor } from '../../../servers/wait-for.js';
import { MemoryLog } from '../../../support/memory-log.js';

const sources = [
  { type: 'senml', topics: ['senml'] },
  { type: 'line-protocol', topics: ['lines'], device: 'd' },
  { type: 'json', topics: ['json'], device: 'd', others: 'all', timePath: 't' },
  { type: 'zigbee2mqtt' },
  { type: 'tasmota' },
  { type: 'home-assistant' },
  { type: 'sparkplug' },
].map((source) => sourceSchema.parse(source));

const json = fc.jsonValue().map((value) => JSON.stringify(value));
const senml = fc
  .array(fc.record({ n: fc.constantFrom('a/b/c', 'a/b/d', 'x'), t: fc.integer(), v: fc.double() }), { maxLength: 5 })
  .map((records) => JSON.stringify(records));
const lines = fc
  .array(fc.tuple(fc.constantFrom('m f=1', 'm,host=a f=2,g="x"', 'bad', '#'), fc.bigInt({ max: 2n ** 63n, min: -9n })))
  .map((drawn) => drawn.map(([line, at]) => `${line} ${at}`).join('\n'));
const topics = [
  'senml',
  'lines',
  'json',
  'zigbee2mqtt/x',
  'tele/x/SENSOR',
  'homeassistant/sensor/x/config',
  'spBv1.0/g/NDATA/n',
];
const messages = fc.array(
  fc.tuple(fc.constantFrom(...topics), fc.oneof(json, senml, lines, fc.string(), fc.uint8Array({ maxLength: 60 }))),
  { minLength: 1, maxLength: 30 },
);

it('whatever foreign senders send, each reading is in a pack or refused, and no decoder is called faulty', async () => {
  const log = new MemoryLog();
  const publish = () => Promise.resolve();
  for (const drawn of fc.sample(messages, 40)) {
    const foreign = openForeign(
      { sources, foreign: { maxDevices: 3, maxSensors: 20, heartbeatMs: 1000 } },
      {
        log,
        clock: systemClock,
        logger: silentLogger,
        random: Math.random,
        registry: new Registry(),
        publish,
        publishRetained: publish,
      },
    );
    const seen: Decoded[] = [];
    const next = (_: unknown, decoded: Decoded) => void seen.push(decoded);
    const seams = { clock: systemClock, logger: silentLogger, maxPayloadBytes: 1024 * 1024 };
    const intake = new Intake({ ...seams, foreign: foreign.take, next });
    for (const [topic, payload] of drawn) {
      const source = foreign.router.route(topic) as ForeignSource;
      const arrival = { payload: Buffer.from(payload), receivedUs: systemClock.nowUs(), settle: () => undefined };
      intake.receive({ topic, source, sender: 's', ...arrival });
    }
    await waitFor('all decoded', 20_000, () => seen.length === drawn.length, 1);
    for (const { kind, reason, readings, records, topic, refused = [] } of seen) {
      expect(reason).not.toBe('decoder-failed');
      if (kind !== 'foreign') continue;
      const packs = topic === logTopics.readings.name ? records.map(({ value }) => decodePack(value)) : [];
      const taken = packs.reduce((sum, { points }) => sum + points.length, 0);
      expect(taken + refused.reduce((sum, part) => sum + part.readings, 0)).toBe(readings);
    }
  }
});
