import type { CommonSourceConfig } from './foreign/source.js';
import type { ForeignDecoder } from './foreign/foreign.js';
import { topicMatcher } from '#core/contract/topic-filter.js';

/** A configured source of foreign messages, ready to decode them. */
export interface ForeignSource {
  /** Of the configuration; one source each has it. */
  readonly name: string;
  readonly type: string;
  readonly topics: readonly string[];
  readonly writers: ReadonlySet<string>;
  readonly unknown: CommonSourceConfig['unknown'];
  readonly decoder: ForeignDecoder;
}

/** Topics seen lately, so that each is matched with the filters once. */
const remembered = 10_000;
const maxRememberedLength = 500;

/** Tells which decoder a topic belongs to. */
export class TopicRouter {
  private readonly matchers: readonly (readonly [(topic: string) => boolean, ForeignSource])[];
  private readonly routes = new Map<string, ForeignSource | undefined>();

  constructor(readonly sources: readonly ForeignSource[]) {
    this.matchers = sources.flatMap((source) => source.topics.map((topic) => [topicMatcher(topic), source] as const));
  }

  /** Our contract for everything below `fieldline/`; else the first source that takes the topic; undefined if none does. */
  route(topic: string): 'ours' | ForeignSource | undefined {
    if (topic.startsWith('fieldline/')) return 'ours';
    if (this.routes.has(topic)) return this.routes.get(topic);
    const source = this.matchers.find(([matches]) => matches(topic))?.[1];
    if (topic.length > maxRememberedLength) return source;
    if (this.routes.size >= remembered) this.routes.delete(this.routes.keys().next().value!);
    this.routes.set(topic, source);
    return source;
  }
}
