import { ContractError } from '#core/contract/contract-error.js';
import type { Clock } from '#core/runtime/clock.js';
import type {
  ForeignBatch,
  ForeignDecoded,
  ForeignDecoder,
  ForeignMessage,
  ForeignNotice,
  ForeignReply,
} from '../foreign.js';
import type { EdgeNode, Member } from './edge-node.js';
import { EdgeNodes } from './edge-nodes.js';
import { defineMetric, isControl, LastStamp, type MetricDefinition } from './metric-definition.js';
import { metricReadings, type MetricReadings } from './metric-readings.js';
import { deviceName, toName } from './names.js';
import { readPayload, type Metric, type Payload } from './payload.js';
import { rebirthRequest } from './rebirth.js';
import { commandTopic, parseTopic, stateTopic, type SparkplugTopic } from './topics.js';

export interface SparkplugOptions {
  readonly clock: Clock;
  /** The shortest time between two rebirth requests to one edge node. */
  readonly rebirthIntervalMs: number;
  /** Under which the gateway says that it is there. */
  readonly hostId?: string | undefined;
}

interface Heard {
  readonly topic: SparkplugTopic;
  readonly payload: Payload;
  readonly message: ForeignMessage;
}

const nothing: ForeignDecoded = { batches: [] };

/**
 * Sparkplug B as a host application hears it (Sparkplug 3.0, chapters 5 and 6). Births say what metrics and aliases are;
 * what cannot be told without a birth is refused, so that it is kept as a dead letter, and the birth is asked for.
 * The messages of one edge node must come in their order: the time to wait for reordered ones is none.
 */
export class SparkplugDecoder implements ForeignDecoder {
  private readonly nodes = new EdgeNodes();

  /** [tck-id-host-topic-phid-birth-message] */
  readonly notice: ForeignNotice | undefined;

  constructor(private readonly options: SparkplugOptions) {
    this.notice = options.hostId === undefined ? undefined : hostNotice(options.hostId);
  }

  decode(message: ForeignMessage): ForeignDecoded {
    const topic = parseTopic(message.topic);
    if (topic === undefined) throw new ContractError('schema', 'not a topic of Sparkplug B');
    if (topic === 'other') return nothing;
    const heard = { topic, message, payload: readPayload(message.payload) };
    if (message.replayed) return this.again(heard);
    return this.nodes.with(topic, (node) => this.take(node, heard));
  }

  private take(node: EdgeNode, heard: Heard): ForeignDecoded {
    switch (heard.topic.kind) {
      case 'NBIRTH':
        return nodeBirth(node, heard);
      case 'DBIRTH':
        return this.deviceBirth(node, heard);
      case 'NDATA':
      case 'DDATA':
        return this.data(node, heard);
      case 'DDEATH':
        return this.deviceDeath(node, heard);
      case 'NDEATH':
        return nodeDeath(node, heard);
    }
  }

  private deviceBirth(node: EdgeNode, heard: Heard): ForeignDecoded {
    const isLost = !node.follows(heard.payload.seq) || !node.isBorn;
    return { ...birth(node, heard), replies: this.ask(isLost, node, heard) };
  }

  private data(node: EdgeNode, heard: Heard): ForeignDecoded {
    const { topic, payload, message } = heard;
    const member = node.member(topic.device);
    const follows = node.follows(payload.seq);
    const unborn = node.endBirths();
    let isUnknown = false;
    const { readings, refused } = metricReadings(payload, message, (metric) => {
      const known = node.resolve(member, metric);
      if (known && isOfType(metric, known)) return known;
      isUnknown = true;
      return selfDescribed(metric);
    });
    const isLost = !follows || !member.born || !node.isBorn || isUnknown;
    const batches = [...offline(unborn), { device: member.device, readings }];
    return { batches, refused, replies: this.ask(isLost, node, heard) };
  }

  private deviceDeath(node: EdgeNode, heard: Heard): ForeignDecoded {
    const isLost = !node.follows(heard.payload.seq) || !node.isBorn;
    const member = node.member(heard.topic.device);
    member.born = member.online = false;
    return { batches: offline([member]), replies: this.ask(isLost, node, heard) };
  }

  private ask(isLost: boolean, node: EdgeNode, { topic, message: { receivedUs } }: Heard): ForeignReply[] {
    const { clock, rebirthIntervalMs } = this.options;
    if (!node.asks(isLost, clock.monotonicMs(), receivedUs, rebirthIntervalMs)) return [];
    return [{ topic: commandTopic(topic), payload: rebirthRequest(Math.floor(receivedUs / 1000)) }];
  }

  /** A dead letter tried again: it is read by what births say now, and changes nothing of what is known. */
  private again(heard: Heard): ForeignDecoded {
    const { topic, payload, message } = heard;
    if (topic.kind === 'NDEATH' || topic.kind === 'DDEATH') return nothing;
    const device = { site: toName(topic.group), device: deviceName(topic.edgeNode, topic.device) };
    const isBirth = topic.kind === 'NBIRTH' || topic.kind === 'DBIRTH';
    const node = isBirth ? undefined : this.nodes.find(topic);
    const member = node?.find(topic.device);
    const { readings, refused } = metricReadings(payload, message, (metric) => {
      const known = member && node!.resolveOld(member, metric, message.receivedUs);
      const definition = known && isOfType(metric, known) ? known : selfDescribed(metric);
      return definition && { ...definition, stamps: new LastStamp() };
    });
    return { batches: [{ device, readings }], refused };
  }
}

/** [tck-id-payloads-nbirth-seq] */
function nodeBirth(node: EdgeNode, heard: Heard): ForeignDecoded {
  const { payload, message } = heard;
  node.follows(payload.seq);
  node.beginSession(bdSeqOf(payload), message.receivedUs);
  return birth(node, heard);
}

function birth(node: EdgeNode, { topic, payload, message }: Heard): ForeignDecoded {
  const member = node.member(topic.device);
  const metrics = payload.metrics.filter(({ name }) => name === undefined || !isControl(name));
  node.define(member, metrics, message.receivedUs);
  const said: MetricReadings = metricReadings(payload, message, ({ name }) =>
    name === undefined ? undefined : member.metrics.get(name),
  );
  return { batches: [{ device: member.device, readings: said.readings, presence: 'online' }], refused: said.refused };
}

function nodeDeath(node: EdgeNode, { payload }: Heard): ForeignDecoded {
  const ended = node.end(bdSeqOf(payload));
  return ended ? { batches: offline(ended) } : nothing;
}

function offline(members: readonly Member[]): ForeignBatch[] {
  return members.map(({ device }) => ({ device, readings: [], presence: 'offline' }));
}

/** Data need not say its datatype; where it does and it is another one, the alias is from another birth. */
function isOfType(metric: Metric, { datatype }: MetricDefinition): boolean {
  return metric.datatype === undefined || datatype === undefined || metric.datatype === datatype;
}

/** A metric with its name and datatype needs no birth. */
function selfDescribed(metric: Metric): MetricDefinition | undefined {
  const { name, datatype } = metric;
  return name === undefined || datatype === undefined ? undefined : defineMetric(metric, name, undefined);
}

/** The number that ties an NDEATH to its NBIRTH. */
function bdSeqOf({ metrics }: Payload): number | undefined {
  const value = metrics.find(({ name }) => name === 'bdSeq')?.value;
  return value?.kind === 'integer' ? value.unsigned : undefined;
}

/** The birth of a host application, and its death, which has the time of the birth. */
function hostNotice(hostId: string): ForeignNotice {
  return {
    topic: stateTopic(hostId),
    payload: (online, timestamp) => Buffer.from(JSON.stringify({ online, timestamp })),
  };
}
