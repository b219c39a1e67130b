import type { DeviceId } from '#core/contract/names.js';
import type { DeviceMessage } from '../intake/message.js';
import type { ForeignSource } from '../intake/topic-router.js';

/**
 * Where the publishes to one topic go: into the log as what a device of ours says, to the decoder of a foreign source, to the
 * gateway itself, or through aedes to subscribers.
 */
export type PublishRoute =
  | { readonly to: 'log'; readonly topic: DeviceMessage['topic'] }
  | { readonly to: 'foreign'; readonly topic: string; readonly source: ForeignSource; readonly sender: string }
  /** A request for a certificate, answered here. */
  | { readonly to: 'enrolment'; readonly device: DeviceId }
  | { readonly to: 'aedes' };
