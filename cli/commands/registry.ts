import type { Command } from 'commander';

/** Adds words and what they do. */
export type AddCommand = (program: Command) => void;
type LoadCommand = () => Promise<AddCommand>;

const parts: LoadCommand = async () => (await import('./parts.js')).addParts;

/** What adds each word behind `fieldline`, in the order of the help. */
const words: Readonly<Record<string, readonly LoadCommand[]>> = {
  up: [async () => (await import('./up.js')).addUp],
  edge: [
    parts,
    async () => (await import('./edge-reduce.js')).addEdgeReduce,
    async () => (await import('./edge-docs.js')).addEdgeDocs,
    async () => (await import('./edge-detect.js')).addEdgeDetect,
  ],
  gateway: [parts, async () => (await import('./gateway-docs.js')).addGatewayDocs],
  cloud: [parts],
  simulate: [async () => (await import('./simulate.js')).addSimulate],
  report: [async () => (await import('./report.js')).addReport],
  device: [async () => (await import('./device.js')).addDevice],
  release: [async () => (await import('./release.js')).addRelease],
  fleet: [async () => (await import('./fleet.js')).addFleet],
  config: [async () => (await import('./config.js')).addConfig],
  'dead-letters': [async () => (await import('./dead-letters.js')).addDeadLetters],
  flash: [async () => (await import('./flash.js')).addFlash],
};

/** What is needed for the word that was said, so that a command starts without the others; for any other word, all. */
export function addersOf(word: string | undefined): Promise<AddCommand[]> {
  const own = word !== undefined && Object.hasOwn(words, word) ? words[word] : undefined;
  return Promise.all([...new Set(own ?? Object.values(words).flat())].map((load) => load()));
}
