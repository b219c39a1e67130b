import { describe } from 'vitest';
import { appendingSuite } from './event-log/appending.js';
import { groupSuite } from './event-log/groups.js';
import type { MakeHarness } from './event-log/harness.js';
import { readingSuite } from './event-log/reading.js';
import { tailSuite } from './event-log/tails.js';

/** What every event log must do, whatever it is made of; `make` is called in each test. */
export function eventLogSuite(name: string, make: MakeHarness): void {
  describe(`${name} is an event log`, () => {
    appendingSuite(make);
    groupSuite(make);
    tailSuite(make);
    readingSuite(make);
  });
}
