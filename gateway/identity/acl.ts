import { mayPublish, maySubscribe } from '#core/contract/mqtt-topics.js';
import type { AuthMode } from '../broker/device-tokens.js';
import { deviceOf, principalKey, type Principal } from '../broker/principal.js';
import { coversFilter, topicMatcher } from '#core/contract/topic-filter.js';
import type { AclConfig, AclRule } from './acl-config.js';

/** What one principal may do. Made once for a connection, asked for each publish. */
export interface Rights {
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
  /** Whether a message may come to it by a subscription that it has, which may be wider. */
  mayReceive(topic: string): boolean;
}

/** A configured source of foreign messages, as far as it says who may write them. */
export interface WrittenSource {
  readonly topics: readonly string[];
  /** User names. */
  readonly writers: ReadonlySet<string>;
}

export interface AclOptions {
  readonly rules?: AclConfig;
  readonly sources?: readonly WrittenSource[];
  /** Where names are believed, everyone may write what a source takes. */
  readonly mode?: AuthMode;
}

/**
 * Tells what each principal may write and read. A device writes its data, alerts, state and results, and reads its config
 * and commands; whatever goes beyond, and all that a client may, comes from the rules and from the sources. Topics below
 * `fieldline/` are written by their own device whatever the rules say.
 */
export class Acl {
  constructor(private readonly options: AclOptions = {}) {}

  rightsOf(principal: Principal): Rights {
    const device = deviceOf(principal);
    const own = {
      mayPublish: (topic: string) => device !== undefined && mayPublish(device, topic),
      maySubscribe: (filter: string) => device !== undefined && maySubscribe(device, filter),
    };
    const open = openOf(this.options.rules);
    if (open) return openRights(own, open.unreadable);
    const { write, read } = this.grantsOf(principal);
    const writes = write.map(topicMatcher);
    return {
      mayPublish: (topic) => own.mayPublish(topic) || (!isOurs(topic) && writes.some((matches) => matches(topic))),
      maySubscribe: (filter) => own.maySubscribe(filter) || read.some((granted) => coversFilter(granted, filter)),
      mayReceive: () => true,
    };
  }

  /** The filters that rules and sources give to the principal. */
  private grantsOf(principal: Principal): { write: string[]; read: string[] } {
    const { rules = [], sources = [], mode } = this.options;
    const name = principalKey(principal);
    const taken = sources.filter(({ writers }) => mode === 'none' || writers.has(name)).flatMap((s) => s.topics);
    const found = Array.isArray(rules) ? rules.filter((rule) => isFor(rule, principal)) : [];
    const fill = (filter: string) => filled(filter, principal);
    return {
      write: [...taken, ...found.flatMap(({ write }) => write.map(fill))],
      // Who writes to a source may hear what it answers, as a request to begin anew.
      read: [...taken, ...found.flatMap(({ read }) => read.map(fill))],
    };
  }
}

function openOf(rules: AclConfig | undefined): { readonly unreadable: readonly string[] } | undefined {
  if (rules === 'open') return { unreadable: [] };
  return rules === undefined || Array.isArray(rules) ? undefined : rules;
}

/** Topics of the broker's own, and subscriptions in the manner of MQTT 5, which nobody here serves. */
const reserved = /^\$(SYS|share)\//;

function openRights(own: Pick<Rights, 'mayPublish' | 'maySubscribe'>, unreadable: readonly string[]): Rights {
  const hides = unreadable.map(topicMatcher);
  return {
    mayPublish: (topic) => (isOurs(topic) ? own.mayPublish(topic) : !reserved.test(topic)),
    maySubscribe: (filter) => {
      if (isOurs(filter)) return own.maySubscribe(filter);
      return !reserved.test(filter) && !unreadable.some((hidden) => coversFilter(hidden, filter));
    },
    mayReceive: (topic) => (isOurs(topic) ? own.maySubscribe(topic) : !hides.some((matches) => matches(topic))),
  };
}

function isOurs(topic: string): boolean {
  return topic === 'fieldline' || topic.startsWith('fieldline/');
}

function isFor({ devices, clients }: AclRule, principal: Principal): boolean {
  const glob = principal.kind === 'device' ? devices : clients;
  return glob !== undefined && globPattern(glob).test(principalKey(principal));
}

function globPattern(glob: string): RegExp {
  const escaped = glob.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`, 's');
}

/** Names have no wildcard and no slash: what is filled in is one level, or a part of one. */
function filled(filter: string, principal: Principal): string {
  if (principal.kind === 'client') return filter.replaceAll('{client}', principal.name);
  const { site, device } = principal.device;
  return filter.replaceAll('{site}', site).replaceAll('{device}', device);
}
