import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SparkplugDecoder } from '../../../../../gateway/intake/foreign/sparkplug/sparkplug-decoder.js';
import { ManualClock } from '../../../../support/manual-clock.js';

/** Made by `java -cp <the jars of Tahu> TahuGolden.java`, beside it. */
const fixture = new URL('../../../../fixtures/sparkplug/tahu-golden.hex', import.meta.url);
const [birth, data] = readFileSync(fixture, 'utf8').trim().split('\n');

const values = [
  ...['Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64', 'Float', 'Double', 'Boolean', 'String'],
  ...['DateTime', 'Text', 'UUID'],
].map((type, i) => [`of.${i}.${type}`, expected()[i]] as const);

function expected() {
  const numbers = [-5, -300, -70_000, -5_000_000_000, 250, 65_000, 4_000_000_000, 2 ** 53 - 1, 1.5, -0.1];
  return [...numbers, true, 'grün', 1_790_000_000_123, '', '00000000-0000-0001-0000-000000000002'];
}

it('reads all datatypes as Eclipse Tahu writes them, and its data without names and datatypes', () => {
  const decoder = new SparkplugDecoder({ clock: new ManualClock(), rebirthIntervalMs: 1000 });
  for (const [kind, hex] of [['NBIRTH', birth!] as const, ['NDATA', data!] as const]) {
    const message = {
      topic: `spBv1.0/g/${kind}/e`,
      payload: Buffer.from(hex, 'hex'),
      retained: false,
      receivedUs: 1,
      replayed: false,
    };
    const { batches, refused, replies = [] } = decoder.decode(message);
    expect(batches[0]!.readings.map(({ sensor, value }) => [sensor, value])).toEqual(values);
    expect(new Set(batches[0]!.readings.map(({ timeUs }) => timeUs))).toEqual(
      new Set([kind === 'NBIRTH' ? 1_790_000_000_123_000 : 1_790_000_001_123_000]),
    );
    const double = batches[0]!.readings[9]!;
    expect([double.unit, double.quality]).toEqual(['hPa', kind === 'NBIRTH' ? 'uncertain' : 'good']);
    expect(refused).toMatchObject([{ reason: 'schema', readings: 2 }]);
    expect(replies).toEqual([]);
  }
});
