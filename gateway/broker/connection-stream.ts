import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Client } from 'aedes';
import type { Clock } from '#core/runtime/clock.js';
import { refreshKeepalive } from './aedes-internals.js';
import { PacketFramer, packetType, type FramerLimits, type FramingFault } from './packet-framer.js';
import type { Rights } from '../identity/acl.js';
import type { CertificateOwner } from '../identity/certificate-owner.js';
import type { Proof } from '../identity/proof.js';
import type { HoldBudget, SenderAccount } from './hold-budget.js';
import type { Principal } from './principal.js';
import type { Refusals, RefusalReason } from './refusals.js';

export interface ConnectionContext {
  readonly limits: FramerLimits;
  readonly budget: HoldBudget;
  readonly refusals: Refusals;
  readonly clock: Clock;
}

/** A socket that was told to end may linger this long, so that the answer before it is still read. */
const lingerMs = 1000;
const packetGraceMs = 30_000;
/** Slower than this, a packet is taken for an attack that keeps room reserved. */
const minBytesPerMs = 1;

/**
 * What aedes reads instead of the socket: whole MQTT packets, and only as many as there is room to hold.
 *
 * One CONNECT, then nothing until it was accepted; each PUBLISH reserves its bytes in the device's account first.
 * Without room the socket is not read, so the device's own TCP stack holds it back.
 */
export class ConnectionStream extends Duplex {
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
  /** Why the gateway closes this connection; what follows from that is not counted again. */
  refusal: RefusalReason | undefined;
  private readonly framer: PacketFramer;
  private phase: 'new' | 'connecting' | 'open' | 'closing' = 'new';
  private blocked = false;
  private ended = false;
  private packetDeadlineMs = Infinity;
  /** Reserved for packets that aedes has not yet handed to the publish hook. */
  private arriving = { bytes: 0, messages: 0 };

  constructor(
    private readonly socket: Socket,
    private readonly context: ConnectionContext,
  ) {
    super({ allowHalfOpen: false });
    this.address = socket.remoteAddress ?? 'unknown';
    this.openedMs = context.clock.monotonicMs();
    this.framer = new PacketFramer(context.limits, {
      admit: (type, length) => this.admit(type, length),
      take: (packet) => this.deliver(packet),
    });
    socket.on('data', (chunk: Buffer) => this.advance(() => this.framer.write(chunk)));
    socket.on('end', () => this.finish());
    socket.on('error', (error) => this.destroy(error));
    // After an orderly end aedes may still have packets to read; it destroys the stream when it has read them.
    socket.on('close', (failed) => (failed || !this.ended ? this.destroy() : this.finish()));
  }

  /** Whether the CONNECT was accepted. */
  get isOpen(): boolean {
    return this.phase === 'open';
  }

  /** Lets packets behind the CONNECT through. */
  open(): void {
    this.phase = 'open';
    this.resumeReading();
  }

  /** The publish hook has taken over the oldest packet: its bytes are now the hook's to release. */
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

  override _read(): void {
    if (!this.blocked && this.phase !== 'closing') this.socket.resume();
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
    if (this.phase !== 'open') return 'wait';
    if (type !== packetType.publish) return 'take';
    const bytes = Math.min(length, this.context.limits.maxPublishBytes);
    if (!this.account!.reserve(bytes)) return 'wait';
    this.arriving.bytes += bytes;
    this.arriving.messages += 1;
    this.packetDeadlineMs = this.context.clock.monotonicMs() + packetGraceMs + length / minBytesPerMs;
    return 'take';
  }

  private deliver(packet: Buffer): void {
    // The queue is bounded by what was reserved, and for other packets by pausing here.
    if (!this.push(packet)) this.socket.pause();
  }

  /** An arrow, so that the budget can tell one waiter from another. */
  private readonly resumeReading = (): void => {
    if (!this.destroyed) this.advance(() => this.framer.resume());
  };

  private advance(step: () => FramingFault | undefined): void {
    if (this.destroyed) return;
    const fault = step();
    if (!this.framer.inPacket) this.packetDeadlineMs = Infinity;
    if (fault !== undefined)
      return this.refuse(fault, `the bytes of a connection are not MQTT as taken here: ${fault}`);
    this.setBlocked(this.framer.isWaiting);
  }

  private setBlocked(blocked: boolean): void {
    const { budget } = this.context;
    if (blocked) {
      this.socket.pause();
      if (this.phase === 'open') budget.wait(this.resumeReading, this.account!);
    } else if (this.blocked) {
      budget.cancel(this.resumeReading);
      this.socket.resume();
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
