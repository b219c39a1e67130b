import { crc32 } from 'node:zlib';

/** Packs of an epoch whose content is remembered: more than may be on the way twice in good order. */
const remembered = 512;
/** Of a device: its own, and those that a clone of its card, or a renewed outbox, brought. */
const epochsOfDevice = 4;
const maxDevices = 100_000;

const rememberedSessions = 8;

/** What a birth or a heartbeat says. */
export interface LastNumber {
  readonly epoch: string;
  readonly session: string;
  readonly lastSeq: number;
}

/** What this gateway knows of the numbers of one epoch. */
class EpochNumbers {
  highest = -1;
  disputed = false;
  /** The newest connections that spoke in it, the last one last. */
  sessions: readonly string[] = [];
  private readonly seqs = new Uint32Array(remembered).fill(0xffffffff);
  private readonly sums = new Uint32Array(remembered);

  /** Notes a pack; false if another one has its number. */
  note(seq: number, sum: number): boolean {
    if (seq > this.highest) this.highest = seq;
    const slot = seq % remembered;
    if (this.seqs[slot] === seq >>> 0) return this.sums[slot] === sum;
    // An old pack that comes again must not push out a newer one.
    if (seq + remembered > this.highest) [this.seqs[slot], this.sums[slot]] = [seq >>> 0, sum];
    return true;
  }

  /** A session speaks; one that is known is not the newest by speaking again. */
  begin(session: string): void {
    if (!this.sessions.includes(session)) this.sessions = [...this.sessions, session].slice(-rememberedSessions);
  }

  sumOf(seq: number): number {
    return this.sums[seq % remembered]!;
  }
}

/**
 * Which pack numbers have been in use, by device and epoch, in bounded memory: the highest from this gateway's own
 * packs and from what devices said of themselves in the log; the content of the last {@link remembered} from its own
 * packs only. What it cannot know: numbers between a device's last heartbeat and a restart of the gateway, and the
 * content of packs from before it.
 */
export class PackNumbers {
  private readonly devices = new Map<string, Map<string, EpochNumbers>>();

  /** Notes a pack; false if another one, by its bytes, has its number. */
  note(device: string, epoch: string, seq: number, payload: Uint8Array): boolean {
    return this.of(device, epoch).note(seq, crc32(payload));
  }

  /** The CRC-32 of the pack that has this number, after `note` said that another one has. */
  sumOf(device: string, epoch: string, seq: number): number {
    return this.of(device, epoch).sumOf(seq);
  }

  /** The device, or one with its card, has given out this number. */
  learn(device: string, epoch: string, lastSeq: number): void {
    const numbers = this.of(device, epoch);
    if (lastSeq > numbers.highest) numbers.highest = lastSeq;
  }

  /** The device was born, at this gateway or at another: what older sessions say is late from now on. */
  learnSession(device: string, epoch: string, session: string): void {
    this.of(device, epoch).begin(session);
  }

  /**
   * Whether two write in this epoch; said by {@link compare}. That stays so: which of its numbers are whose cannot be
   * told any more, and a new epoch costs nothing.
   */
  isDisputed(device: string, epoch: string): boolean {
    return this.devices.get(device)?.get(epoch)?.disputed ?? false;
  }

  /** A connection says that this was its last number: a dispute if a higher one is in use. What an older one says is late. */
  compare(device: string, { epoch, session, lastSeq }: LastNumber): void {
    const numbers = this.of(device, epoch);
    numbers.begin(session);
    if (numbers.sessions.at(-1) !== session) return;
    if (lastSeq < numbers.highest) numbers.disputed = true;
    else numbers.highest = lastSeq;
  }

  /** The connection that spoke last in this epoch, if one did. */
  session(device: string, epoch: string): string | undefined {
    return this.devices.get(device)?.get(epoch)?.sessions.at(-1);
  }

  /** The highest number known in use; -1 if none is. */
  highest(device: string, epoch: string): number {
    return this.devices.get(device)?.get(epoch)?.highest ?? -1;
  }

  private of(device: string, epoch: string): EpochNumbers {
    const epochs = this.devices.get(device) ?? new Map<string, EpochNumbers>();
    touch(this.devices, device, epochs, maxDevices);
    const numbers = epochs.get(epoch) ?? new EpochNumbers();
    touch(epochs, epoch, numbers, epochsOfDevice);
    return numbers;
  }
}

/** Puts the entry last; the first goes if there are too many. */
function touch<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value!);
}
