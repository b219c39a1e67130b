import { mqttTopic, type DeviceTopic, type UpTopic } from '#core/contract/mqtt-topics.js';
import { deviceKey } from '#core/contract/names.js';
import type { SessionHolder } from '../sessions/moves.js';
import type { ForeignSource } from './topic-router.js';

/**
 * What became of a message: it is durable and may be acknowledged; or the device keeps it and sends it again, after
 * this gateway has ended, or on another connection because this one is `refused`.
 */
export type Outcome = 'stored' | 'returned' | 'refused';

interface Arrival {
  readonly payload: Uint8Array;
  readonly receivedUs: number;
  /** Called once, for the messages of one sender in the order of their arrival. */
  readonly settle: (outcome: Outcome) => void;
}

/** What a device published, between its arrival and its acknowledgement. */
export interface DeviceMessage extends Arrival {
  /** Who speaks, as authenticated, and on which of its topics. */
  readonly topic: DeviceTopic & { readonly kind: UpTopic };
  /** The connection that it came on, where that is one of the device's own and still stands. */
  readonly connection?: SessionHolder;
}

/** The same of a message that is not in our contract. */
export interface ForeignArrival extends Arrival {
  /** What {@link TopicRouter.route} said of its topic. */
  readonly source: ForeignSource;
  readonly topic: string;
  /** The user name that was authenticated; or whatever else orders the messages, such as the topic. */
  readonly sender: string;
  /** A broker kept it from before and gives it out on subscribing; not set on what is published now. */
  readonly retained?: boolean;
  /** Of a QoS 1 publish, to know one that comes again: the connection (any object that lives as long), and its packet. */
  readonly packet?: { readonly connection: object; readonly id: number; readonly dup: boolean };
  /** Set on a dead letter that is tried again: where it stands, `<topic>/<partition>/<offset>`. */
  readonly replayOf?: string;
}

export type IncomingMessage = DeviceMessage | ForeignArrival;

export function isForeign(message: IncomingMessage): message is ForeignArrival {
  return 'source' in message;
}

/** Whose order the message keeps. */
export function laneOf(message: IncomingMessage): string {
  return isForeign(message) ? `${message.source.name} ${message.sender}` : deviceKey(message.topic);
}

/** The MQTT topic that it came on. */
export function topicOf(message: IncomingMessage): string {
  return isForeign(message) ? message.topic : mqttTopic(message.topic, message.topic.kind, message.topic.id);
}

/** Takes what devices and foreign senders publish. Returns at once; `settle` tells the rest. */
export interface MessageSink {
  receive(message: IncomingMessage): void;
}
