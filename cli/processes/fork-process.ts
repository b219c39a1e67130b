import cluster, { type Worker } from 'node:cluster';
import { processNumberVariable } from '../environment.js';

/** Starts this same command again, as the process with this number; its port is the one that all share. */
export function forkProcess(number: number): Worker {
  // Requests have bodies of bytes, and sequence numbers must not turn into text.
  cluster.setupPrimary({ exec: process.argv[1]!, args: process.argv.slice(2), serialization: 'advanced' });
  return cluster.fork({ [processNumberVariable]: number });
}
