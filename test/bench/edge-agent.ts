/*
 * One edge agent as a process of its own, for the bench and the soak: sensors of known load, the filters that the command
 * uses, the synced outbox on disk, the uplink. Prints a line of figures each second.
 *
 *   node dist/test/bench/edge-agent.js '{"url":"mqtt://…","folder":"…","channels":200,"perSecond":1000}'
 */
import { setFlagsFromString } from 'node:v8';

// As the command does for an edge agent, before anything large is loaded.
setFlagsFromString('--semi-space-growth-factor=1');
await import('./edge-load.js');
