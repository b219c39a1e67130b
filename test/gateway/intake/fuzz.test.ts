import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContractError } from '../../../core/contract/contract-error.js';
import { mqttTopic, type UpTopic } from '../../../core/contract/mqtt-topics.js';
import { decodePack, encodePackJson } from '../../../core/contract/pack.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import type { Decoded } from '../../../gateway/intake/decoded.js';
import { Intake } from '../../../gateway/intake/intake.js';
import { NewestBirths } from '../../../gateway/intake/newest-births.js';
import { decoders } from '../../../gateway/intake/registry.js';
import { waitFor } from '../../servers/wait-for.js';
import { arbitraryPoint, testCatalogue, testPack } from '../../support/packs.js';
import { press } from '../harness.js';

const catalogue = testCatalogue(['temp', 'vib-x'], press.site, press.device);
const units = new Map([
  ['temp', 'Cel'],
  ['vib-x', 'm/s2'],
]);
const validJson = fc
  .array(arbitraryPoint(['temp', 'vib-x']), { maxLength: 6 })
  .map((points) => encodePackJson(testPack(catalogue, 5, points), units));

/** Values that tend to break parsers, at any place of a pack. */
const nasty = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(-0, 1e308, -1e308, 2 ** 53, '__proto__', 'constructor', '', '\u0000', {}, [], [[]], null),
);
const mutated = fc
  .tuple(validJson, fc.array(fc.tuple(fc.nat(), fc.string({ maxLength: 8 }), nasty), { minLength: 1, maxLength: 3 }))
  .map(([json, changes]) => {
    const records = JSON.parse(json) as Record<string, unknown>[];
    for (const [at, label, value] of changes) {
      const record = records[at % records.length]!;
      const labels = Object.keys(record);
      record[at % 2 === 0 ? labels[at % labels.length]! : label] = value;
    }
    return Buffer.from(JSON.stringify(records));
  });
const torn = fc.tuple(validJson, fc.nat(), fc.nat(255)).map(([json, at, byte]) => {
  const bytes = Buffer.from(json);
  bytes[at % bytes.length] = byte;
  return at % 3 === 0 ? bytes.subarray(0, at % bytes.length) : bytes;
});
const anyPayload = fc
  .tuple(
    fc.oneof(fc.uint8Array({ maxLength: 400 }).map(Buffer.from), mutated, torn, validJson.map(Buffer.from)),
    fc.boolean(),
  )
  .map(([bytes, deflate]) => (deflate ? deflateSync(bytes) : bytes));

function onlyContractErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ContractError);
  }
}

describe('whatever a device sends', () => {
  it('decodePack gives a pack or a ContractError', () => {
    fc.assert(
      fc.property(anyPayload, (payload) => onlyContractErrors(() => decodePack(payload, press))),
      { numRuns: 1500 },
    );
  });

  it.each(Object.keys(decoders) as UpTopic[])('the decoder of %s gives records or a ContractError', (kind) => {
    const births = new NewestBirths();
    fc.assert(
      fc.property(anyPayload, (payload) =>
        onlyContractErrors(() =>
          decoders[kind]({ topic: { ...press, kind }, payload, receivedUs: 0, settle: () => undefined }, births),
        ),
      ),
      { numRuns: 400 },
    );
  });

  it('the intake makes something of each message, in the order of each device, and calls no decoder faulty', async () => {
    const payloads = fc.sample(anyPayload, 500);
    const seen: [number, Decoded][] = [];
    const intake = new Intake({
      clock: systemClock,
      logger: silentLogger,
      maxPayloadBytes: 1024 * 1024,
      next: (message, decoded) => seen.push([message.receivedUs, decoded]),
    });
    payloads.forEach((payload, receivedUs) =>
      intake.receive({
        topic: { site: 'plant1', device: `d${receivedUs % 7}`, kind: 'data' },
        payload,
        receivedUs,
        settle: () => undefined,
      }),
    );
    await waitFor('all decoded', 5000, () => seen.length === payloads.length);
    for (let device = 0; device < 7; device += 1) {
      const order = seen.map(([at]) => at).filter((at) => at % 7 === device);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    for (const [at, { reason, records }] of seen) {
      expect(reason).not.toBe('decoder-failed');
      expect(records.map(({ value }) => value)).toEqual([payloads[at]]);
      if (reason) expect(records[0]!.headers!['source']).toBe(mqttTopic({ ...press, device: `d${at % 7}` }, 'data'));
    }
  });
});
