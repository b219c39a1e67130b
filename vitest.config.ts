import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const core = fileURLToPath(new URL('./core', import.meta.url));

/**
 * Tests that need a real server, a browser or a process to kill (`server`), or that take seconds of real broker, disk or
 * random actions (`slow`); everything else is a unit test, and all of those together take less than a minute.
 */
const heavy = ['test/servers/**', 'test/pipeline/**', 'test/browser/**', 'test/**/*.{server,slow,long,boot}.test.ts'];

/** What takes longest begins first, in this order, so that no worker is left with it at the end. */
const longest = [
  'pipeline/kill-cluster',
  'servers/kafka.test',
  'log/kafka-faults',
  'browser/accessibility',
  'store/influx-store',
  'pipeline/command',
  'pipeline/remote-config',
  'pipeline/checker',
  'store/duckdb-kill',
  'store/influx-',
  // Its load lasts until it is over: not beside that of the first.
  'pipeline/kill-embedded',
  'log/kafka-',
  'browser/',
  'bundle/',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((part) => moduleId.includes(part));
      return found === -1 ? longest.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

// Their tests wait for servers and processes more than they compute. Of one group, so that all workers have work to the end.
const realThings = { maxWorkers: 4, sequence: { groupOrder: 1 } };

export default defineConfig({
  resolve: { alias: [{ find: /^#core\/(.*)\.js$/, replacement: `${core}/$1.ts` }] },
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: heavy,
          // They leave nothing behind, and half of their time would go into processes of their own.
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: ['test/servers/**/*.test.ts', 'test/**/*.{server,slow}.test.ts'],
          exclude: ['test/pipeline/**', 'test/browser/**', 'test/**/*.long.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          ...realThings,
        },
      },
      {
        extends: true,
        test: {
          name: 'pipeline',
          include: ['test/pipeline/**/*.test.ts', 'test/browser/**/*.test.ts'],
          exclude: ['test/**/*.long.test.ts'],
          testTimeout: 360_000,
          hookTimeout: 240_000,
          ...realThings,
        },
      },
      {
        extends: true,
        test: {
          name: 'boot',
          include: ['test/**/*.boot.test.ts'],
          testTimeout: 3_600_000,
          hookTimeout: 3_600_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: ['test/**/*.long.test.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 240_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
