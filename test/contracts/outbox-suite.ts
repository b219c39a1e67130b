import { describe } from 'vitest';
import { epochCases } from './outbox/epochs.js';
import { fullCases } from './outbox/full.js';
import type { OutboxOpener } from './outbox/harness.js';
import { laneCases } from './outbox/lanes.js';
import { numberCases } from './outbox/numbers.js';
import { randomCases } from './outbox/random-actions.js';
import { restartCases } from './outbox/restart.js';

export interface OutboxSuite {
  readonly name: string;
  readonly open: OutboxOpener;
  /** Whether it survives its process. */
  readonly durable: boolean;
  /** Sequences of random actions. */
  readonly runs: number;
}

/** What every Outbox must do. */
export function outboxSuite({ name, open, durable, runs }: OutboxSuite): void {
  describe(`Outbox: ${name}`, () => {
    describe('numbers', () => numberCases(open));
    describe('lanes', () => laneCases(open));
    describe('epochs', () => epochCases(open));
    describe('when it is full', () => fullCases(open));
    if (durable) describe('over a crash and a restart', () => restartCases(open));
    describe('under random actions', () => randomCases(open, { durable, runs }));
  });
}
