import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Client } from 'aedes';
import type { Clock } from '#core/runtime/clock.js';
import { refreshKeepalive } from './aedes-internals.js';
import type { Rights } from '../identity/acl.js';
import type { CertificateOwner } from '../identity/certificate-owner.js';
import type { Proof } from '../identity/proof.js';
import type { AnswerSink } from './acknowledgements.js';
import type { HoldBudget, SenderAccount } from './hold-budget.js';
import { KnownTopics } from './known-topics.js';
import type { OpenPublishes } from './open-publishes.js';
import { PacketFramer, packetType, type FramerLimits, type FramingFault } from './packet-framer.js';
import type { Principal } from './principal.js';
import type { PublishRoute } from './publish-route.js';
import type { ConnectionSession } from '../sessions/moves.js';
import type { Refusals, RefusalReason } from './refusals.js';

/** Takes the packets of publishes before aedes would. */
export interface PublishTaker {
  /** `false` leaves it to aedes; if it is taken, what was reserved for it has gone with it. */
  publish(stream: ConnectionStream, packet: Buffer, reserved: number): boolean;
  pubrel(stream: ConnectionStream, messageId: number): boolean;
  /** The connection is gone, which may have been open. */
  gone(stream: ConnectionStream): void;
}

export interface ConnectionContext {
  readonly limits: FramerLimits;
  /** aedes need not wait for a slow reader before so much waits for it: it would keep others waiting, too. */
  readonly maxUnsentBytes: number;
  readonly budget: HoldBudget;
  readonly publishes: PublishTaker;
  readonly refusals: Refusals;
  readonly clock: Clock;
}

/** A socket that was told to end may linger this long, so that the answer before it is still read. */
const lingerMs = 1000;
const packetGraceMs = 30_000;
/** Slower than this, a packet is taken for an attack that keeps room reserved. */
const minBytesPerMs = 1;
/** Publishes tell aedes that the device is alive, at most so often. */
const refreshEveryMs = 20;

/**
 * What aedes reads instead of the socket: whole MQTT packets, and only as many as there is room to hold. It never sees
 * the publishes that go into the log: those are taken out here, and answered past it.
 *
 * One CONNECT, then nothing until it was accepted; each PUBLISH reserves its bytes in the device's account first.
 * Without room the socket is not read, so the device's own TCP stack holds it back.
 */
export class ConnectionStream extends Duplex implements AnswerSink {
  readonly address: string;
  readonly openedMs: number;
  client: Client | undefined;
  /** What the other side showed in the TLS handshake. */
  certificate: CertificateOwner | undefined;
  /** Who the CONNECT says it is. */
  claim: Principal | undefined;
  /** Set once the CONNECT was accepted. */
  account: SenderAccount | undefined;
  /** What it may write and read; set with the account. */
  rights: Rights | undefined;
  proof: Proof | undefined;
  /** The topic filters that it ever subscribed to. */
  readonly filters = new Set<string>();
  /** Where what it publishes goes. */
  readonly routes = new KnownTopics<PublishRoute>();
  /** Its QoS 2 publishes; set when the CONNECT was accepted. */
  openPublishes: OpenPublishes<ConnectionStream> | undefined;
  /** Of a device: what its last birth on this connection said. */
  session: ConnectionSession | undefined;
  /** Whether the CONNECT asked for a session that outlives the connection. */
  keepsSession = false;
  /** Whether it has no certificate where all must have one: only an enrolment token lets it in. */
  mayOnlyEnrol = false;
  /** Whether its CONNECT left a will. */
  hasWill = false;
  /** Requests for a certificate that it made. */
  asked = 0;
  /** Whether data of it was stored. */
  hasSpoken = false;
  /** Publishes that are held for it. */
  held = 0;
  /** Why the gateway closes this connection; what follows from that is not counted again. */
  refusal: RefusalReason | undefined;
  private readonly framer: PacketFramer;
  private phase: 'new' | 'connecting' | 'open' | 'closing' = 'new';
  private blocked = false;
  private ended = false;
  /** Answers were written that its socket has not taken yet. */
  private draining = false;
  private packetDeadlineMs = Infinity;
  /** Reserved for the publish that was let in last. */
  private reservedBytes = 0;
  /** Its length, until the deadline of a part of it is set. */
  private begunBytes: number | undefined;
  private refreshedMs = -Infinity;
  /** Reserved for publishes that nobody has taken over yet. */
  private arriving = { bytes: 0, messages: 0 };

  constructor(
    private readonly socket: Socket,
    private readonly context: ConnectionContext,
  ) {
    super({ allowHalfOpen: false, writableHighWaterMark: context.maxUnsentBytes });
    this.address = socket.remoteAddress ?? 'unknown';
    this.openedMs = context.clock.monotonicMs();
    this.framer = new PacketFramer(context.limits, {
      admit: (type, length) => this.admit(type, length),
      take: (packet, type) => this.takePacket(packet, type),
    });
    socket.on('data', (chunk: Buffer) => {
      if (!this.destroyed) this.advance(this.framer.write(chunk));
    });
    socket.on('end', () => this.finish());
    socket.on('error', (error) => this.destroy(error));
    // After an orderly end aedes may still have packets to read; it destroys the stream when it has read them.
    socket.on('close', (failed) => (failed || !this.ended ? this.destroy() : this.finish()));
  }

  /** Whether the CONNECT was accepted. */
  get isOpen(): boolean {
    return this.phase === 'open';
  }

  /** Bytes that were written and that its peer has not taken. */
  get unsentBytes(): number {
    return this.writableLength + this.socket.writableLength;
  }

  /** Lets packets behind the CONNECT through. */
  open(): void {
    this.phase = 'open';
    this.resumeReading();
  }

  /** aedes has taken over its oldest publish: the bytes are now the hook's to release. */
  handOver(bytes: number): void {
    // aedes reads on for a moment after the connection is lost, and what was reserved is given back already.
    if (this.destroyed) return this.account!.charge(bytes);
    this.arriving.bytes -= bytes;
    this.arriving.messages -= 1;
  }

  /** Closes the connection for a reason that is counted and logged. */
  refuse(reason: RefusalReason, detail: string): void {
    if (this.destroyed || this.refusal !== undefined) return;
    this.refusal = reason;
    this.context.refusals.add(reason, detail, { address: this.address, sender: this.account?.key });
    this.destroy();
  }

  /** Takes no more packets; what was read is still delivered. */
  close(): void {
    this.phase = 'closing';
    this.socket.pause();
  }

  /** To be called often: ends packets that never end, and keeps alive the device that we keep waiting. */
  sweep(nowMs: number): void {
    if (nowMs > this.packetDeadlineMs) return this.refuse('slow-packet', 'a packet did not come to its end');
    if (this.client && (this.blocked || this.framer.inPacket)) refreshKeepalive(this.client);
  }

  /** Answers go past aedes and the stream. Whoever does not read them is not read from. */
  writeAnswers(packets: Buffer): void {
    const { socket } = this;
    if (!socket.writable) return;
    if (this.client) refreshKeepalive(this.client);
    if (socket.write(packets) || this.draining) return;
    this.draining = true;
    socket.pause();
    socket.once('drain', () => {
      this.draining = false;
      this._read();
    });
  }

  override _read(): void {
    if (!this.blocked && !this.draining && this.phase !== 'closing') this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.socket.writable || this.socket.write(chunk)) done();
    else this.socket.once('drain', done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done);
  }

  override _final(done: () => void): void {
    this.socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.context.budget.cancel(this.resumeReading);
    this.context.publishes.gone(this);
    const { account, arriving } = this;
    if (account) {
      account.connections.delete(this);
      account.release(arriving.bytes, arriving.messages);
      this.arriving = { bytes: 0, messages: 0 };
    }
    this.endSocket();
    done(error);
  }

  private endSocket(): void {
    const { socket } = this;
    if (socket.destroyed) return;
    socket.removeAllListeners('data');
    // Unread bytes would turn the close into a reset, and a reset overtakes the refusal that was just written.
    socket.resume();
    socket.end();
    const closed = new AbortController();
    socket.once('close', () => closed.abort());
    void this.context.clock.sleep(lingerMs, closed.signal).then(() => socket.destroy());
  }

  private admit(type: number, length: number): 'take' | 'wait' | FramingFault {
    if (this.phase === 'new') {
      this.phase = 'connecting';
      return type === packetType.connect ? 'take' : 'protocol-error';
    }
    // A packet before this one may have ended the connection.
    if (this.phase !== 'open' || this.destroyed) return 'wait';
    if (type !== packetType.publish) return 'take';
    const bytes = Math.min(length, this.context.limits.maxPublishBytes);
    if (!this.account!.reserve(bytes)) return 'wait';
    this.arriving.bytes += bytes;
    this.arriving.messages += 1;
    this.reservedBytes = bytes;
    this.begunBytes = length;
    return 'take';
  }

  private takePacket(packet: Buffer, type: number): void {
    const { publishes } = this.context;
    // A packet is taken before the next one is let in.
    if (type === packetType.publish && publishes.publish(this, packet, this.reservedBytes)) return;
    if (type === packetType.pubrel && packet.length === 4 && publishes.pubrel(this, packet.readUInt16BE(2))) return;
    // The queue is bounded by what was reserved, and for other packets by pausing here.
    if (!this.push(packet)) this.socket.pause();
  }

  /** An arrow, so that the budget can tell one waiter from another. */
  private readonly resumeReading = (): void => {
    if (!this.destroyed) this.advance(this.framer.resume());
  };

  private advance(fault: FramingFault | undefined): void {
    if (this.destroyed) return;
    if (fault !== undefined)
      return this.refuse(fault, `the bytes of a connection are not MQTT as taken here: ${fault}`);
    if (this.begunBytes !== undefined) this.publishBegan(this.begunBytes);
    if (!this.framer.inPacket) this.packetDeadlineMs = Infinity;
    this.setBlocked(this.framer.isWaiting);
  }

  /** The last of some publishes, which may not be whole yet. */
  private publishBegan(length: number): void {
    const nowMs = this.context.clock.monotonicMs();
    this.begunBytes = undefined;
    if (this.framer.inPacket) this.packetDeadlineMs = nowMs + packetGraceMs + length / minBytesPerMs;
    // aedes does not see them, and would take the device for dead.
    if (nowMs - this.refreshedMs < refreshEveryMs) return;
    this.refreshedMs = nowMs;
    refreshKeepalive(this.client!);
  }

  private setBlocked(blocked: boolean): void {
    const { budget } = this.context;
    if (blocked) {
      this.socket.pause();
      if (this.phase === 'open') budget.wait(this.resumeReading, this.account!);
    } else if (this.blocked) {
      budget.cancel(this.resumeReading);
      if (!this.draining) this.socket.resume();
      if (this.ended) this.push(null);
    }
    this.blocked = blocked;
  }

  private finish(): void {
    if (this.ended) return;
    this.ended = true;
    // Nobody is left to hear the answer to the CONNECT, which may be delayed on purpose.
    if (this.phase === 'connecting') return void this.destroy();
    if (!this.blocked) this.push(null);
  }
}
