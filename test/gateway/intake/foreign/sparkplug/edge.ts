import sparkplug from 'sparkplug-payload';
import type { UMetric, UPayload } from 'sparkplug-payload/lib/sparkplugbpayload.js';
import { SparkplugDecoder } from '../../../../../gateway/intake/foreign/sparkplug/sparkplug-decoder.js';
import type { ForeignDecoded } from '../../../../../gateway/intake/foreign/foreign.js';
import { ManualClock } from '../../../../support/manual-clock.js';

const codec = sparkplug.get('spBv1.0')!;

/** Encodes with a library that is not ours. */
export function encode(payload: UPayload): Uint8Array {
  return codec.encodePayload(payload);
}

/** Decodes with it. */
export function decode(bytes: Uint8Array): UPayload {
  return codec.decodePayload(bytes);
}

export type TestMetric = Partial<UMetric> & Pick<UMetric, 'type' | 'value'>;

export const startUs = 1_790_000_000_000_000;
export const startMs = startUs / 1000;

/** An edge node `press` of the group `plant1` in front of a decoder; it counts its messages as it should. */
export class TestEdge {
  readonly clock = new ManualClock();
  readonly decoder = new SparkplugDecoder({ clock: this.clock, rebirthIntervalMs: 10_000 });
  seq = 0;
  /** By the clock of the gateway. */
  receivedUs = startUs;

  send(kind: string, payload: Partial<UPayload>, device?: string, replayed = false): ForeignDecoded {
    const topic = `spBv1.0/plant1/${kind}/press${device === undefined ? '' : `/${device}`}`;
    this.receivedUs += 1000;
    const { receivedUs } = this;
    return this.decoder.decode({ topic, payload: encode(payload), receivedUs, retained: false, replayed });
  }

  nodeBirth(metrics: TestMetric[] = [], bdSeq = 0): ForeignDecoded {
    this.seq = 0;
    const own: TestMetric[] = [
      { name: 'bdSeq', type: 'UInt64', value: bdSeq },
      { name: 'Node Control/Rebirth', type: 'Boolean', value: false },
    ];
    return this.send('NBIRTH', this.payload([...own, ...metrics]));
  }

  deviceBirth(device: string, metrics: TestMetric[]): ForeignDecoded {
    return this.send('DBIRTH', this.payload(metrics), device);
  }

  data(metrics: TestMetric[], device?: string): ForeignDecoded {
    return this.send(device === undefined ? 'NDATA' : 'DDATA', this.payload(metrics), device);
  }

  nodeDeath(bdSeq = 0): ForeignDecoded {
    return this.send('NDEATH', { timestamp: startMs, metrics: [{ name: 'bdSeq', type: 'UInt64', value: bdSeq }] });
  }

  payload(metrics: TestMetric[]): UPayload {
    const seq = this.seq;
    this.seq = (seq + 1) % 256;
    return { timestamp: startMs, metrics: metrics, seq };
  }
}

export const celsius = { engUnit: { type: 'String', value: '°C' } } as const;
