import { readFileSync } from 'node:fs';
import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading, Value } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import { FatalError, messageOf, RetryableError } from '#core/runtime/errors.js';
import type { Logger } from '#core/runtime/logger.js';
import { describeChannels } from './channel-shape.js';
import { finderOf, type Answer, type HttpChannel } from './http/channels.js';
import { fetchText } from './http/fetch-text.js';
import { LastKnown } from './last-known.js';
import type { Sensor } from './sensor.js';

export interface HttpSensorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  /** Header name to a file that holds its value. */
  readonly headerFiles: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** From the request to the end of the answer. */
  readonly requestTimeoutMs: number;
  readonly maxBytes: number;
  readonly channels: readonly HttpChannel[];
}

/** A value of each channel from the answer to one request. A channel that is not in the answer is `bad`. */
export class HttpSensor implements Sensor {
  readonly channels: Readonly<Record<string, SensorDescription>>;
  private readonly finders: readonly { readonly name: string; readonly find: (answer: Answer) => Value | undefined }[];
  private readonly last = new LastKnown();
  private readonly missing = new Set<string>();
  private headers = new Headers();
  private isRunning = false;
  private request: AbortController | undefined;

  constructor(private readonly options: HttpSensorOptions) {
    this.channels = describeChannels(options.channels);
    this.finders = options.channels.map((channel) => ({ name: channel.name, find: finderOf(channel) }));
  }

  /** Reads the header files, also when they have changed. Throws FatalError `bad-config` if one is no header. */
  start(): Promise<void> {
    try {
      const secrets = Object.entries(this.options.headerFiles).map(([name, path]) => [name, headerValue(name, path)]);
      this.headers = new Headers({
        ...this.options.headers,
        ...(Object.fromEntries(secrets) as Record<string, string>),
      });
    } catch (error) {
      // What Headers itself throws would repeat the value.
      const fatal =
        error instanceof FatalError ? error : new FatalError('bad-config', 'a header has a value that is none');
      return Promise.reject(fatal);
    }
    this.isRunning = true;
    return Promise.resolve();
  }

  async read(): Promise<Reading[]> {
    const text = await this.text();
    const timeUs = this.options.clock.nowUs();
    const answer = { text, json: parseJson(text) };
    const readings: Reading[] = [];
    let found = 0;
    for (const { name, find } of this.finders) {
      const value = find(answer);
      if (value !== undefined) found += 1;
      this.note(name, value === undefined);
      const reading = value === undefined ? this.last.bad(name, timeUs) : this.last.reading(name, value, timeUs);
      if (reading) readings.push(reading);
    }
    if (found > 0) return readings;
    const kind = answer.json === undefined ? 'not JSON' : 'JSON';
    throw new RetryableError('bad-data-format', `the answer, ${kind}, has none of the channels`);
  }

  stop(): Promise<void> {
    this.isRunning = false;
    this.request?.abort(stopped());
    return Promise.resolve();
  }

  private async text(): Promise<string> {
    const { url, method, body, maxBytes, requestTimeoutMs, clock } = this.options;
    if (!this.isRunning) throw stopped();
    const request = (this.request = new AbortController());
    const done = new AbortController();
    void clock.sleep(requestTimeoutMs, done.signal).then(() => {
      request.abort(new RetryableError('timeout', `no whole answer within ${requestTimeoutMs} ms`));
    });
    try {
      return await fetchText({ url, method, headers: this.headers, body, maxBytes, signal: request.signal });
    } finally {
      done.abort();
    }
  }

  /** One line when a channel goes missing, and one when it is back. */
  private note(channel: string, isMissing: boolean): void {
    if (isMissing === this.missing.has(channel)) return;
    const { logger } = this.options;
    if (isMissing) {
      this.missing.add(channel);
      logger.warn({ channel }, 'the answer has no value for the channel');
    } else {
      this.missing.delete(channel);
      logger.info({ channel }, 'the answer has a value for the channel again');
    }
  }
}

function stopped(): RetryableError {
  return new RetryableError('stopped', 'the sensor is stopped');
}

function headerValue(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new FatalError('bad-config', `cannot read the value of header ${name}: ${messageOf(cause)}`, { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
