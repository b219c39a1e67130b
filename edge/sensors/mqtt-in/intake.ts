import type { Quality } from '#core/contract/reading.js';
import { coversFilter } from '#core/contract/topic-filter.js';
import type { Clock } from '#core/runtime/clock.js';
import { parseTimeUs } from '#core/runtime/parse-time.js';
import { scaled, toValue } from '../channel-shape.js';
import { jsonPath } from '../json-path.js';
import { LastKnown } from '../last-known.js';
import type { ReadingBuffer } from '../reading-buffer.js';
import type { MqttChannel } from './channels.js';

export interface IntakeOptions {
  readonly channels: readonly MqttChannel[];
  readonly clock: Clock;
  readonly buffer: ReadingBuffer;
  /** `ignore`, or `uncertain`: a channel's first reading may be a retained one of that quality. */
  readonly retained: 'ignore' | 'uncertain';
  readonly maxPayloadBytes: number;
}

export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly isRetained: boolean;
}

interface Target {
  readonly channel: MqttChannel;
  readonly pick: ((json: unknown) => unknown) | undefined;
  readonly pickTime: ((json: unknown) => unknown) | undefined;
}

/** What a topic is for. */
interface Route {
  readonly targets: readonly Target[];
  /** Channels whose device's availability it says. */
  readonly dependants: readonly MqttChannel[];
  readonly needsJson: boolean;
}

/** Topics of which the route is remembered; a broker may have any number of others below a wildcard. */
const maxRoutes = 1000;

/** Turns messages into readings. */
export class Intake {
  private readonly targets: readonly Target[];
  private readonly routes = new Map<string, Route>();
  private readonly offline = new Set<string>();
  private readonly last = new LastKnown();

  constructor(private readonly options: IntakeOptions) {
    this.targets = options.channels.map((channel) => ({
      channel,
      pick: channel.path === undefined ? undefined : jsonPath(channel.path),
      pickTime: channel.timePath === undefined ? undefined : jsonPath(channel.timePath),
    }));
  }

  take(message: Message): void {
    const { topic, payload } = message;
    const route = this.routeOf(topic);
    if (route.dependants.length > 0) this.takeAvailability(topic, payload, route.dependants);
    // An empty message clears a retained one, and says nothing.
    if (route.targets.length === 0 || payload.length === 0) return;
    this.takeValues(message, route);
  }

  private takeValues({ payload, isRetained }: Message, { targets, needsJson }: Route): void {
    const { buffer, retained, maxPayloadBytes, clock } = this.options;
    const arrivalUs = clock.nowUs();
    if (payload.length > maxPayloadBytes) return buffer.drop('too-large', targets.length);
    if (isRetained && retained === 'ignore') return buffer.drop('retained', targets.length);
    const text = payload.toString();
    const json = needsJson ? parseJson(text) : undefined;
    for (const target of targets) {
      // After a reconnection it comes again.
      if (isRetained && this.last.has(target.channel.name)) buffer.drop('retained');
      else this.takeValue(target, text, json, arrivalUs, isRetained);
    }
  }

  private takeValue(target: Target, text: string, json: unknown, arrivalUs: number, isRetained: boolean): void {
    const { buffer } = this.options;
    const { channel, pick, pickTime } = target;
    if ((pick ?? pickTime) && json === undefined) return buffer.drop('bad-json');
    const raw = pick ? pick(json) : text;
    // Many devices say only what has changed, and null for what they do not know.
    if (raw === undefined || raw === null) return;
    const value = toValue(raw, channel.type);
    if (value === undefined) return buffer.drop('bad-value');
    const timeUs = pickTime ? timeOf(pickTime(json)) : arrivalUs;
    if (timeUs === undefined) return buffer.drop('bad-time');
    const quality = isRetained || this.isOffline(channel) ? 'uncertain' : 'good';
    this.push(channel, value, timeUs, quality);
  }

  private push(channel: MqttChannel, value: number | string | boolean, timeUs: number, quality: Quality): void {
    const inUnit = typeof value === 'number' ? scaled(value, channel) : value;
    this.options.buffer.push(this.last.reading(channel.name, inUnit, timeUs, quality));
  }

  /** A device that goes offline ends its series visibly: each channel's last known value once more, with quality bad. */
  private takeAvailability(topic: string, payload: Buffer, dependants: readonly MqttChannel[]): void {
    const isOnline = availabilityOf(payload.toString());
    if (isOnline === undefined) return;
    if (isOnline) return void this.offline.delete(topic);
    if (this.offline.has(topic)) return;
    this.offline.add(topic);
    const { buffer, clock } = this.options;
    for (const { name } of dependants) {
      const reading = this.last.bad(name, clock.nowUs());
      if (reading) buffer.push(reading);
    }
  }

  private isOffline({ availabilityTopic }: MqttChannel): boolean {
    return availabilityTopic !== undefined && this.offline.has(availabilityTopic);
  }

  private routeOf(topic: string): Route {
    const known = this.routes.get(topic);
    if (known) return known;
    const targets = this.targets.filter(({ channel }) => coversFilter(channel.topic, topic));
    const dependants = this.options.channels.filter(({ availabilityTopic }) => availabilityTopic === topic);
    const route = { targets, dependants, needsJson: targets.some(({ pick, pickTime }) => pick ?? pickTime) };
    if (this.routes.size >= maxRoutes) this.routes.clear();
    this.routes.set(topic, route);
    return route;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function timeOf(raw: unknown): number | undefined {
  return typeof raw === 'string' || typeof raw === 'number' ? parseTimeUs(String(raw)) : undefined;
}

/** `online` and `offline` in any case, alone or as `{"state":"online"}`. */
function availabilityOf(text: string): boolean | undefined {
  const state = text.startsWith('{') ? jsonPath('state')(parseJson(text)) : text;
  const word = typeof state === 'string' ? state.trim().toLowerCase() : '';
  return word === 'online' ? true : word === 'offline' ? false : undefined;
}
