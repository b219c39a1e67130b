import { ContractError } from '#core/contract/contract-error.js';
import type { DeviceId } from '#core/contract/names.js';
import { defineMetric, type MetricDefinition } from './metric-definition.js';
import { deviceName, toName } from './names.js';
import type { Metric } from './payload.js';

/** An edge node itself, or a device behind it: for us each is a device. */
export class Member {
  metrics: ReadonlyMap<string, MetricDefinition> = new Map();
  online = false;
  /** Whether its birth came since that of the edge node. */
  born = false;
  /** In which of the sessions of its edge node its last birth came. */
  session = -1;
  /** What its definitions take in memory, in bytes, about. */
  cost = 0;

  constructor(readonly device: DeviceId) {}
}

const itself = '';
const maxDevices = 1000;
/** What one edge node may take in memory, in bytes, about. */
const maxCost = 16 * 1024 * 1024;
const [memberCost, definitionCost] = [2000, 400];

/** What the protocol makes us remember of one edge node: its births, its aliases, and where its sequence stands. */
export class EdgeNode {
  private readonly members = new Map<string, Member>();
  private aliases = new Map<number, { readonly member: Member; readonly metric: MetricDefinition }>();
  /** Those of the birth before, until data comes. */
  private earlierAliases = this.aliases;
  /** Counts NBIRTHs. */
  private session = 0;
  private bdSeq: number | undefined;
  private nextSeq: number | undefined;
  /** From when on the aliases are known to mean what they mean now, by the wall clock: for what is tried again. */
  private aliasesSinceUs = Infinity;
  /** When the first message came that needs a birth which we never had. */
  private waitingSinceUs: number | undefined;
  /** Whether something was lost since the last NBIRTH, so that another one is wanted; and when it was asked for. */
  private isBirthWanted = false;
  private askedMs = -Infinity;
  /** From an NBIRTH until data comes. */
  private birthsComing = false;
  private isEnded = false;
  cost = 0;

  constructor(
    private readonly group: string,
    private readonly edgeNode: string,
  ) {}

  /** Who speaks on a topic. */
  member(device: string | undefined): Member {
    const key = device ?? itself;
    const known = this.members.get(key);
    if (known) return known;
    if (this.members.size > maxDevices) throw new ContractError('too-large', `more than ${maxDevices} devices`);
    const member = new Member({ site: toName(this.group), device: deviceName(this.edgeNode, device) });
    this.members.set(key, member);
    this.cost += memberCost;
    return member;
  }

  /** The same of one that was heard. */
  find(device: string | undefined): Member | undefined {
    return this.members.get(device ?? itself);
  }

  /** An NBIRTH begins the sequence anew, and makes everything void that was said before. */
  beginSession(bdSeq: number | undefined, receivedUs: number): void {
    const isSame = this.isBorn && this.bdSeq === bdSeq;
    this.aliasesSinceUs = Math.min(isSame ? this.aliasesSinceUs : receivedUs, this.waitingSinceUs ?? receivedUs);
    this.waitingSinceUs = undefined;
    this.earlierAliases = this.aliases;
    this.aliases = new Map();
    this.bdSeq = bdSeq;
    this.birthsComing = true;
    this.isEnded = false;
    this.isBirthWanted = false;
    this.session += 1;
    for (const member of this.members.values()) member.born = false;
  }

  /** Takes what a birth says of one member; `metrics` are those of its message that are no controls. */
  define(member: Member, metrics: readonly Metric[], receivedUs: number): void {
    this.charge(member, metrics);
    const definitions = new Map<string, MetricDefinition>();
    for (const metric of metrics) {
      if (metric.name === undefined) continue;
      const definition = defineMetric(metric, metric.name, member.metrics.get(metric.name));
      definitions.set(metric.name, definition);
      if (metric.alias !== undefined) this.setAlias(metric.alias, { member, metric: definition }, receivedUs);
    }
    member.metrics = definitions;
    if (member.session === this.session) this.sweepAliases(member);
    member.session = this.session;
    member.born = true;
    member.online = true;
  }

  /** What a metric of a DATA message is that came now. */
  resolve(member: Member, metric: Metric): MetricDefinition | undefined {
    if (metric.name !== undefined) return member.metrics.get(metric.name);
    if (metric.alias === undefined || !member.born) return undefined;
    const known = this.aliases.get(metric.alias);
    // Aliases are unique within an edge node, so one of another member belongs to another birth.
    return known?.member === member ? known.metric : undefined;
  }

  /** The same of a message that came at `heardUs`: an alias may have had another meaning then. */
  resolveOld(member: Member, metric: Metric, heardUs: number): MetricDefinition | undefined {
    const isTold = metric.name !== undefined || heardUs >= this.aliasesSinceUs;
    return isTold ? this.resolve(member, metric) : undefined;
  }

  get isBorn(): boolean {
    return this.members.get(itself)?.born ?? false;
  }

  /** Whether the message follows the one before it. */
  follows(seq: number | undefined): boolean {
    const follows = seq !== undefined && seq === this.nextSeq;
    this.nextSeq = seq === undefined || seq > 255 ? undefined : (seq + 1) % 256;
    return follows;
  }

  /** To be called when data comes: the members that were online and had no birth since the NBIRTH are so no more. */
  endBirths(): Member[] {
    if (!this.birthsComing) return [];
    this.birthsComing = false;
    // Nobody asks for those of the birth before again.
    this.earlierAliases = this.aliases;
    const ended = [...this.members.values()].filter((member) => member.online && !member.born);
    for (const member of ended) member.online = false;
    return ended;
  }

  /** An NDEATH: those who are offline by it, or undefined if it tells nothing new. [tck-id-payloads-ndeath-bdseq] */
  end(bdSeq: number | undefined): Member[] | undefined {
    if (this.isEnded) return undefined;
    // The will of a connection that was lost long ago may come after the edge node is back.
    if (this.isBorn && bdSeq !== undefined && this.bdSeq !== undefined && bdSeq !== this.bdSeq) return undefined;
    // Of one that was never heard here, at least it is known that it is gone.
    this.member(undefined).online = true;
    const ended = [...this.members.values()].filter(({ online }) => online);
    for (const member of this.members.values()) member.online = member.born = false;
    this.aliases.clear();
    this.isEnded = true;
    this.birthsComing = false;
    this.nextSeq = undefined;
    this.waitingSinceUs = undefined;
    this.aliasesSinceUs = Infinity;
    return ended;
  }

  /** To be called for each message: whether to ask for births now. That is done at most once in so long, until they come. */
  asks(isLost: boolean, nowMs: number, receivedUs: number, everyMs: number): boolean {
    if (isLost) this.isBirthWanted = true;
    if (!this.isBirthWanted) return false;
    if (!this.isBorn) this.waitingSinceUs ??= receivedUs;
    if (nowMs - this.askedMs < everyMs) return false;
    this.askedMs = nowMs;
    return true;
  }

  private charge(member: Member, metrics: readonly Metric[]): void {
    const cost = metrics.reduce((sum, { name = '' }) => sum + definitionCost + 4 * name.length, 0);
    const total = this.cost - member.cost + cost;
    if (total > maxCost) throw new ContractError('too-large', 'too many metrics of one edge node');
    this.cost = total;
    member.cost = cost;
  }

  private setAlias(alias: number, of: { member: Member; metric: MetricDefinition }, receivedUs: number): void {
    const before = this.aliases.get(alias) ?? this.earlierAliases.get(alias);
    const isSame = !before || (before.member === of.member && before.metric.name === of.metric.name);
    if (!isSame) this.aliasesSinceUs = receivedUs;
    this.aliases.set(alias, of);
  }

  /** Of a birth of the member before, in the same session. */
  private sweepAliases(member: Member): void {
    for (const [alias, of] of this.aliases) {
      if (of.member === member && member.metrics.get(of.metric.name) !== of.metric) this.aliases.delete(alias);
    }
  }
}
