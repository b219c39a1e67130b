import type { CheckedPack } from './check-pack.js';
import type { DeviceId } from './names.js';
import { newestFormat } from './pack.js';
import { isSame, PlainJson } from './plain-json.js';
import { forms, qualities } from './reading.js';
import { maxPackRecords } from './senml.js';
import { relativeTimeLimitSeconds } from './time.js';

const [quote, comma, colon] = [0x22, 0x2c, 0x3a];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const longestLabel = 6;
const longestUnit = 32;
const maxSensors = 64;
/** A second less than where microseconds are no safe integers any more. */
const latestSeconds = 9e9;

const wordsOf = (names: readonly string[]): readonly Buffer[] => names.map((name) => Buffer.from(name));
const [qualityWords, formWords, truths] = [wordsOf(qualities), wordsOf(forms), wordsOf(['true', 'false'])];

/** Labels are told by five bits of each letter, and by a bit of their own which of them a record has. */
const labels = ['n', 'v', 't', 'u', 'q', 'form', 'vb', 'min', 'max', 'first', 'last', 'count', 'span', 'bn', 'bt', 'bu', 'bepoch', 'bseq', 'bcat', 'bfmt'] as const; // prettier-ignore
type Label = (typeof labels)[number];
const bitOf = Object.fromEntries(labels.map((label, i) => [label, 1 << i])) as Record<Label, number>;
const bits = new Map(labels.map((label) => [codeOf(label), bitOf[label]]));
const headBits = bitOf.bn | bitOf.bepoch | bitOf.bseq | bitOf.bcat | bitOf.bfmt;
const baseBits = headBits | bitOf.bt | bitOf.bu;
const windowBits = bitOf.v | bitOf.min | bitOf.max | bitOf.first | bitOf.last | bitOf.span;

function codeOf(label: string): number {
  let code = 0;
  for (const letter of label) code = code * 32 + (letter.charCodeAt(0) & 31);
  return code;
}

/**
 * Looks through a pack as our encoder writes it: JSON in ASCII without spaces, escapes, exponents or labels that are
 * rare. Undefined says nothing of the pack but that it must be decoded to be known.
 */
export function scanPack(bytes: Uint8Array, expected: DeviceId): CheckedPack | undefined {
  scanner.begin(bytes, expected);
  return scanner.run();
}

/** One serves for all packs: it keeps nothing of one to the next. */
class PackScanner extends PlainJson {
  private expected: DeviceId = { site: '', device: '' };
  /** The labels of the record. */
  private seen = 0;
  private baseSeconds = 0;
  private seconds = 0;
  private secondsNegative = false;
  private seq = 0;
  private epochAt = 0;
  private nameAt = 0;
  private nameLength = 0;
  private unitAt = 0;
  private unitLength = 0;
  private baseUnitAt = 0;
  private baseUnitLength = 0;
  private isWindowForm = false;
  /** Where the names of the pack's sensors are, and their units; -1 while none was named. */
  private sensors = 0;
  private lastSensor = 0;
  private readonly names = new Int32Array(maxSensors);
  private readonly nameLengths = new Int32Array(maxSensors);
  private readonly units = new Int32Array(maxSensors);
  private readonly unitLengths = new Int32Array(maxSensors);

  begin(bytes: Uint8Array, expected: DeviceId): void {
    this.bytes = bytes;
    this.expected = expected;
    this.at = 0;
    this.sensors = 0;
    this.lastSensor = -1;
    this.baseSeconds = 0;
    this.baseUnitLength = -1;
  }

  run(): CheckedPack | undefined {
    const { bytes } = this;
    if (bytes[this.at++] !== openArray) return undefined;
    let readings = 0;
    for (;;) {
      if (readings === maxPackRecords || !this.record(readings === 0)) return undefined;
      readings += 1;
      const next = bytes[this.at++];
      if (next === closeArray) break;
      if (next !== comma) return undefined;
    }
    if (this.at !== bytes.length) return undefined;
    return { epoch: this.textAt(this.epochAt, 32), seq: this.seq, readings };
  }

  private record(isFirst: boolean): boolean {
    const { bytes } = this;
    if (bytes[this.at++] !== openObject) return false;
    this.seen = 0;
    this.seconds = 0;
    this.secondsNegative = false;
    this.isWindowForm = false;
    for (;;) {
      if (!this.field()) return false;
      const next = bytes[this.at++];
      if (next === closeObject) break;
      if (next !== comma) return false;
    }
    const bases = this.seen & baseBits;
    if (isFirst ? (bases & headBits) !== headBits : bases !== 0) return false;
    return this.isReading();
  }

  /** Whether what the record has makes a reading. */
  private isReading(): boolean {
    const { seen } = this;
    if ((seen & bitOf.n) === 0) return false;
    if (((seen & bitOf.v) !== 0) === ((seen & bitOf.vb) !== 0)) return false;
    if ((seen & bitOf.count) !== 0 ? (seen & windowBits) !== windowBits : this.isWindowForm) return false;
    return this.isTime() && this.sensor();
  }

  /** Surely absolute, and surely not too late: whatever is near a border is decoded. */
  private isTime(): boolean {
    const { baseSeconds, seconds } = this;
    const earliest = this.secondsNegative ? baseSeconds - seconds - 1 : baseSeconds + seconds;
    return earliest > relativeTimeLimitSeconds + 1 && baseSeconds + seconds + 2 < latestSeconds;
  }

  private field(): boolean {
    const { bytes } = this;
    if (bytes[this.at++] !== quote) return false;
    let code = 0;
    const start = this.at;
    for (; ; this.at += 1) {
      const byte = bytes[this.at]!;
      if (byte === quote) break;
      if (byte < 0x61 || byte > 0x7a || this.at - start === longestLabel) return false;
      code = code * 32 + (byte & 31);
    }
    this.at += 1;
    if (bytes[this.at++] !== colon) return false;
    const bit = code === 14 ? bitOf.n : code === 22 ? bitOf.v : code === 20 ? bitOf.t : bits.get(code);
    // Of a label that comes twice the last one counts.
    if (bit === undefined || (this.seen & bit) !== 0) return false;
    this.seen |= bit;
    return this.value(bit);
  }

  private value(bit: number): boolean {
    switch (bit) {
      case bitOf.n:
        if (!this.name()) return false;
        this.nameAt = this.start;
        this.nameLength = this.at - 1 - this.start;
        return true;
      case bitOf.v:
      case bitOf.min:
      case bitOf.max:
      case bitOf.first:
      case bitOf.last:
        return this.number();
      case bitOf.t:
        if (!this.number()) return false;
        this.seconds = this.whole;
        this.secondsNegative = this.isNegative;
        return true;
      case bitOf.u:
        if (!this.plain(longestUnit)) return false;
        this.unitAt = this.start;
        this.unitLength = this.at - 1 - this.start;
        return true;
      case bitOf.q:
        return this.oneOf(qualityWords) >= 0;
      case bitOf.form:
        return this.form();
      case bitOf.vb:
        return this.truth();
      case bitOf.count:
        return this.integer() && this.whole > 0;
      case bitOf.span:
        return this.number() && !this.isNegative && this.whole > 0 && this.whole < latestSeconds;
      default:
        return this.base(bit);
    }
  }

  private base(bit: number): boolean {
    switch (bit) {
      case bitOf.bn:
        return this.owner();
      case bitOf.bt:
        if (!this.number() || this.isNegative) return false;
        this.baseSeconds = this.whole;
        return true;
      case bitOf.bu:
        if (!this.plain(longestUnit)) return false;
        this.baseUnitAt = this.start;
        this.baseUnitLength = this.at - 1 - this.start;
        return true;
      case bitOf.bepoch:
        this.epochAt = this.at + 1;
        return this.hash();
      case bitOf.bcat:
        return this.hash();
      case bitOf.bseq:
        if (!this.integer()) return false;
        this.seq = this.whole;
        return true;
      case bitOf.bfmt:
        return this.integer() && this.whole >= 1 && this.whole <= newestFormat;
      default:
        return false;
    }
  }

  /** `<site>/<device>/` of who speaks. */
  private owner(): boolean {
    const { site, device } = this.expected;
    if (this.bytes[this.at++] !== quote) return false;
    return this.literal(site) && this.literal('/') && this.literal(device) && this.literal('/"');
  }

  private form(): boolean {
    const which = this.oneOf(formWords);
    this.isWindowForm = forms[which] === 'window';
    return which >= 0;
  }

  private truth(): boolean {
    const { bytes, at } = this;
    const word = truths.find((each) => isSame(bytes, at, each, 0, each.length));
    this.at += word?.length ?? 0;
    return word !== undefined;
  }

  /** Notes the unit of the record's sensor, which has one in a pack. */
  private sensor(): boolean {
    const index = this.findSensor();
    if (index < 0) return false;
    this.lastSensor = index;
    const isOwn = (this.seen & bitOf.u) !== 0;
    const [at, length] = [isOwn ? this.unitAt : this.baseUnitAt, isOwn ? this.unitLength : this.baseUnitLength];
    if (length < 0) return true;
    if (this.unitLengths[index]! < 0) {
      this.units[index] = at;
      this.unitLengths[index] = length;
      return true;
    }
    const known = this.units[index]!;
    return this.unitLengths[index] === length && (known === at || isSame(this.bytes, at, this.bytes, known, length));
  }

  /** Sensors mostly come in turn; -1 if there are too many. */
  private findSensor(): number {
    const { sensors } = this;
    for (let i = 0, index = this.lastSensor; i < sensors; i += 1) {
      index = index + 1 >= sensors ? 0 : index + 1;
      if (this.isNamed(index)) return index;
    }
    if (sensors === maxSensors) return -1;
    this.names[sensors] = this.nameAt;
    this.nameLengths[sensors] = this.nameLength;
    this.unitLengths[sensors] = -1;
    this.sensors += 1;
    return sensors;
  }

  private isNamed(index: number): boolean {
    const { bytes, nameAt, nameLength } = this;
    return this.nameLengths[index] === nameLength && isSame(bytes, nameAt, bytes, this.names[index]!, nameLength);
  }
}

const scanner = new PackScanner();
