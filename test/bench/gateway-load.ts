/*
 * Devices that publish with QoS 1 at a rate, as a process of the bench: MQTT over TCP with packets made beforehand, so
 * that it takes as little as can be of the machine. A message that is due while a device may not send waits its turn,
 * and its latency counts from when it was due.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { deviceToken } from '../../core/runtime/device-token.js';
import { answerParent } from './bench-child.js';
import { messageTemplate, type LoadKind, type MessageTemplate } from './gateway-messages.js';
import { Latencies } from './latencies.js';

export type LoadQuestion =
  | { readonly type: 'connect'; readonly port: number; readonly devices: number; readonly kind: LoadKind; readonly secret: string } // prettier-ignore
  /** Messages a second of all devices; 0 ends the sending. */
  | { readonly type: 'rate'; readonly perSecond: number }
  /** Forgets the latencies so far. */
  | { readonly type: 'mark' }
  | { readonly type: 'report' };

export interface LoadReport {
  readonly sent: number;
  readonly acknowledged: number;
  /** Messages that are due and not yet sent, as devices may have only so many unacknowledged. */
  readonly waiting: number;
  /** Acknowledgements that came out of order; closed connections. */
  readonly disordered: number;
  readonly closed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly cpuSeconds: number;
}

/** Unacknowledged messages of one device. */
const window = 100;
/** How often a device looks for what is due. */
const visitMs = 50;
const slices = 10;
const maxDue = 1 << 14;

const totals = { sent: 0, acknowledged: 0, disordered: 0, closed: 0 };
let latencies = new Latencies();
let perDeviceMs = 0;

class Device {
  private readonly socket: Socket;
  private readonly due = new Float64Array(maxDue);
  private dueCount = 0;
  private sentCount = 0;
  private ackedCount = 0;
  private owed = 0;
  private lastMs = 0;
  private rest: Buffer = Buffer.alloc(0);

  constructor(
    private readonly template: MessageTemplate,
    port: number,
  ) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
  }

  async open(connectPacket: Buffer): Promise<void> {
    await once(this.socket, 'connect');
    this.socket.write(connectPacket);
    const [answer] = (await once(this.socket, 'data')) as [Buffer];
    if (answer[0] !== 0x20 || answer[3] !== 0) throw new Error(`CONNACK ${answer.toString('hex')}`);
    this.socket.on('data', (chunk: Buffer) => this.take(chunk));
    this.socket.on('error', (error) => console.error(error.message));
    this.socket.on('close', () => (totals.closed += 1));
  }

  get waiting(): number {
    return this.dueCount - this.sentCount;
  }

  begin(nowMs: number): void {
    this.lastMs = nowMs;
    this.owed = Math.random();
  }

  visit(nowMs: number): void {
    this.owed += (nowMs - this.lastMs) * perDeviceMs;
    this.lastMs = nowMs;
    for (; this.owed >= 1 && this.dueCount - this.ackedCount < maxDue; this.owed -= 1) {
      this.due[this.dueCount % maxDue] = nowMs;
      this.dueCount += 1;
    }
    this.send();
  }

  end(): void {
    this.socket.removeAllListeners('close');
    this.socket.destroy();
  }

  private send(): void {
    const count = Math.min(this.waiting, window - (this.sentCount - this.ackedCount));
    if (count <= 0) return;
    this.socket.write(this.template.packets(this.sentCount, count));
    this.sentCount += count;
    totals.sent += count;
  }

  private take(chunk: Buffer): void {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const nowMs = performance.now();
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) {
      if (bytes[at] !== 0x40 || bytes.readUInt16BE(at + 2) !== this.template.messageId(this.ackedCount)) {
        totals.disordered += 1;
      }
      latencies.add(nowMs - this.due[this.ackedCount % maxDue]!);
      this.ackedCount += 1;
    }
    totals.acknowledged += at / 4;
    this.rest = bytes.subarray(at);
    if (this.waiting > 0) this.send();
  }
}

let devices: Device[] = [];
let slice = 0;

async function open(question: Extract<LoadQuestion, { type: 'connect' }>): Promise<void> {
  const { port, kind, secret } = question;
  for (let at = 0; at < question.devices; at += 50) {
    const some = Array.from({ length: Math.min(50, question.devices - at) }, async (_, i) => {
      const device = { site: 'b', device: `d${String(at + i).padStart(4, '0')}` };
      const template = messageTemplate(device, kind);
      const opened = new Device(template, port);
      await opened.open(template.connectPacket(deviceToken(Buffer.from(secret), device)));
      return opened;
    });
    devices.push(...(await Promise.all(some)));
  }
  setInterval(tick, visitMs / slices);
}

function tick(): void {
  const nowMs = performance.now();
  for (let i = slice; i < devices.length; i += slices) devices[i]!.visit(nowMs);
  slice = (slice + 1) % slices;
}

function report(): LoadReport {
  const { user, system } = process.cpuUsage();
  return {
    ...totals,
    waiting: devices.reduce((sum, { waiting }) => sum + waiting, 0),
    p50Ms: latencies.percentile(0.5),
    p99Ms: latencies.percentile(0.99),
    maxMs: latencies.maxMs,
    cpuSeconds: (user + system) / 1e6,
  };
}

async function answer(question: LoadQuestion): Promise<object> {
  if (question.type === 'connect') await open(question);
  if (question.type === 'rate') {
    const nowMs = performance.now();
    if (perDeviceMs === 0) for (const device of devices) device.begin(nowMs);
    perDeviceMs = question.perSecond / 1000 / devices.length;
  }
  if (question.type === 'mark') latencies = new Latencies();
  return report();
}

answerParent(answer, async () => {
  for (const device of devices) device.end();
  devices = [];
});
