import { mayPublish, maySubscribe } from '#core/contract/mqtt-topics.js';
import type { Principal } from '../broker/principal.js';

/** What one principal may do. Made once for a connection, asked for each publish. */
export interface Rights {
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
}

/** Tells what each principal may write and read. */
export interface Acl {
  rightsOf(principal: Principal): Rights;
}

const none: Rights = { mayPublish: () => false, maySubscribe: () => false };

/** A device writes its data, alerts, state and results, and reads its config and commands; a client does nothing. */
export const ownTopics: Acl = {
  rightsOf: (principal) => {
    if (principal.kind === 'client') return none;
    const { device } = principal;
    return {
      mayPublish: (topic) => mayPublish(device, topic),
      maySubscribe: (filter) => maySubscribe(device, filter),
    };
  },
};
