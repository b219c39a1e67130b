import { ContractError } from '#core/contract/contract-error.js';
import { resolveSenml, type ResolvedRecord } from '#core/contract/senml.js';
import { Batches } from '../batches.js';
import type { ForeignDecoded, ForeignDecoder, ForeignMessage, ForeignReading } from '../foreign.js';
import { Identity, identityShape, patternSchema, type IdentityOptions } from '../identity.js';
import type { ForeignSourceKind } from '../source.js';
import { TextPattern } from '../text-pattern.js';
import { readSenml } from './senml-text.js';

interface SenmlOptions extends IdentityOptions {
  readonly namePattern: string;
}

/** SenML of third parties: RFC 8428, as JSON or CBOR, told apart by the first byte. */
export const senmlSource = {
  summary: `SenML (RFC 8428) of third parties, JSON or CBOR, plain or zlib, told apart by the first byte. A time relative to
now is resolved once, when the message is received. A sum \`s\` becomes a sensor of its own, \`<sensor>.sum\`.`,
  example: `- type: senml
  topics: ['senml/#']
  writers: [gauge-1]
  namePattern: 'urn:dev:ow:{device}:{sensor}'`,
  shape: {
    ...identityShape,
    namePattern: patternSchema(['site', 'device', 'sensor'])
      .default('{site}/{device}/{sensor}')
      .describe('What a resolved SenML name (base name and name) says: {site}, {device}, {sensor}, {_}'),
  },
  open: (options: SenmlOptions) => new SenmlDecoder(options),
} satisfies ForeignSourceKind;

/** Where the readings of one name go. */
interface Place {
  readonly sensor: string;
  readonly sumSensor: string;
  readonly readings: ForeignReading[];
}

class SenmlDecoder implements ForeignDecoder {
  private readonly identity: Identity;
  private readonly pattern: TextPattern;

  constructor(options: SenmlOptions) {
    this.identity = new Identity(options);
    this.pattern = new TextPattern(options.namePattern);
  }

  decode({ topic, payload, receivedUs }: ForeignMessage): ForeignDecoded {
    const batches = new Batches();
    // A pack has few names and many records: each name is taken apart once.
    const places = new Map<string, Place>();
    for (const record of resolveSenml(readSenml(payload), receivedUs)) {
      let place = places.get(record.name);
      if (!place) places.set(record.name, (place = this.place(topic, record.name, batches)));
      addReadings(place, record);
    }
    return { batches: batches.list() };
  }

  private place(topic: string, name: string, batches: Batches): Place {
    const told = this.pattern.match(name);
    if (!told) throw new ContractError('wrong-identity', `the name ${name.slice(0, 100)} does not match namePattern`);
    const { names } = this.identity;
    const sensor = told['sensor'] ?? name;
    const readings = batches.of(this.identity.device(topic, told));
    return { sensor: names.of(sensor), sumSensor: names.of(`${sensor}.sum`), readings };
  }
}

function addReadings({ sensor, sumSensor, readings }: Place, record: ResolvedRecord): void {
  const { timeUs, relative, unit, value, dataValue, sum } = record;
  const told = { timeUs, quality: 'good' as const, ...(relative && { atReceipt: true as const }) };
  const own = value ?? dataValue;
  if (own !== undefined) readings.push({ ...told, sensor, value: own, unit });
  // The integral of the value over time has the unit of the value times the second, which has no name of its own.
  if (sum !== undefined) readings.push({ ...told, sensor: sumSensor, value: sum });
}
