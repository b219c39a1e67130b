import type { DeviceMessage } from '../intake/message.js';

/** Where the publishes to one topic go: into the log as what a device of ours says, or through aedes to subscribers. */
export type PublishRoute = { readonly to: 'log'; readonly topic: DeviceMessage['topic'] } | { readonly to: 'aedes' };
