import fc from 'fast-check';
import { expect } from 'vitest';
import { ContractError } from '../../../../core/contract/contract-error.js';
import { systemClock } from '../../../../core/runtime/clock.js';
import { silentLogger } from '../../../../core/runtime/logger.js';
import type { ForeignDecoded, ForeignMessage } from '../../../../gateway/intake/foreign/foreign.js';
import { openSource, sourceSchema } from '../../../../gateway/intake/foreign/registry.js';
import type { ForeignSource } from '../../../../gateway/intake/topic-router.js';

export const receivedUs = 1_790_000_000_000_000;

/** A source as the configuration would make it. */
export function testSource(config: object): ForeignSource {
  return openSource(sourceSchema.parse(config), { clock: systemClock, logger: silentLogger });
}

export function message(
  topic: string,
  payload: string | Uint8Array,
  over: Partial<ForeignMessage> = {},
): ForeignMessage {
  return { topic, payload: Buffer.from(payload), retained: false, replayed: false, receivedUs, ...over };
}

/** What a source reads, in short: `device sensor value unit`. */
export function told({ batches }: ForeignDecoded): string[] {
  return batches.flatMap(({ device, readings }) =>
    readings.map(
      ({ sensor, value, unit }) => `${device.site}/${device.device} ${sensor} ${String(value)} ${unit ?? '-'}`,
    ),
  );
}

/** Any bytes, and valid messages with a few bytes or a part of them changed. */
export function spoiled(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> {
  const torn = fc
    .tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(9))
    .map(([bytes, changes, cut]) => {
      const copy = Buffer.from(bytes);
      for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte;
      return cut === 0 ? copy.subarray(0, copy.length >> 1) : copy;
    });
  return fc.oneof(torn, fc.uint8Array({ maxLength: 200 }).map(Buffer.from));
}

/** Whatever comes, a source reads it or says by a ContractError why not. */
export function decodesOrRefuses(source: ForeignSource, topic: string, payloads: fc.Arbitrary<Uint8Array>): void {
  fc.assert(
    fc.property(payloads, (payload) => {
      try {
        for (const { readings } of source.decoder.decode(message(topic, payload)).batches) {
          expect(readings.every(({ sensor }) => sensor.length <= 64)).toBe(true);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ContractError);
      }
    }),
    { numRuns: 400 },
  );
}
