import type { SensorDescription } from '#core/contract/catalogue.js';
import type { Reading } from '#core/contract/reading.js';
import type { Clock } from '#core/runtime/clock.js';
import type { Logger } from '#core/runtime/logger.js';
import { describeChannels } from './channel-shape.js';
import { BrokerLink, type BrokerOptions } from './mqtt-in/broker-link.js';
import { topicsOf, type MqttChannel } from './mqtt-in/channels.js';
import { Intake } from './mqtt-in/intake.js';
import { widest } from './mqtt-in/topics.js';
import { ReadingBuffer } from './reading-buffer.js';
import type { Sensor } from './sensor.js';

export interface MqttInSensorOptions extends BrokerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly channels: readonly MqttChannel[];
  readonly retained: 'ignore' | 'uncertain';
  readonly maxPayloadBytes: number;
  readonly maxBufferedReadings: number;
}

/** What devices publish to a broker nearby, as readings. It subscribes only, and never publishes. */
export class MqttInSensor implements Sensor {
  readonly channels: Readonly<Record<string, SensorDescription>>;
  private readonly buffer: ReadingBuffer;
  private readonly link: BrokerLink;

  constructor(options: MqttInSensorOptions) {
    const { channels, maxBufferedReadings } = options;
    this.channels = describeChannels(channels);
    this.buffer = new ReadingBuffer(maxBufferedReadings);
    const intake = new Intake({ ...options, buffer: this.buffer });
    const onMessage = intake.take.bind(intake);
    this.link = new BrokerLink({ ...options, filters: widest(topicsOf(channels)), onMessage });
  }

  start(): Promise<void> {
    return this.link.open();
  }

  /** What came before the broker was lost is handed over first. */
  read(): Promise<Reading[]> {
    const { failure } = this.link;
    return this.buffer.size === 0 && failure ? Promise.reject(failure) : Promise.resolve(this.buffer.take());
  }

  takeDropped(): ReadonlyMap<string, number> {
    return this.buffer.takeDropped();
  }

  stop(): Promise<void> {
    return this.link.close();
  }
}
