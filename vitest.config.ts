import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const core = fileURLToPath(new URL('./core', import.meta.url));

/**
 * Tests that need a real server, a browser or a process to kill (`server`), or that take seconds of real broker, disk or
 * random actions (`slow`); everything else is a unit test, and all of those together take less than a minute.
 */
const heavy = ['test/servers/**', 'test/pipeline/**', 'test/browser/**', 'test/**/*.{server,slow,long,boot}.test.ts'];

/** What takes longest begins first, so that no worker is left with it at the end. */
const long = /kill-cluster|kafka-faults|servers\/kafka|influx-store|duckdb-kill/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => long.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

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
          // They wait for servers more than they compute.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
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
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
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
