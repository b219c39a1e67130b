import type { MetricObject } from 'prom-client';
import type { DoorAnswer } from '#core/runtime/http-door.js';

/** The name of each question, what it asks with, and what it is answered with. */
export interface Questions {
  metrics: { readonly asks: undefined; readonly answers: readonly MetricObject[] };
  notReady: { readonly asks: undefined; readonly answers: readonly string[] };
  door: { readonly asks: PlainRequest; readonly answers: DoorAnswer };
}

/** A `DoorRequest` as it goes from one process to another. */
export interface PlainRequest {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: Uint8Array;
}

/** What the process that holds the port says to one that works. */
export type ToWorker =
  | { readonly type: 'stop' }
  | { readonly type: 'ask'; readonly id: number; readonly what: keyof Questions; readonly with: unknown };

/** What one that works says: that it is up, or an answer. */
export type FromWorker =
  | { readonly type: 'up'; readonly maxBodyBytes: number }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly error: string };
