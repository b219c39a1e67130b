import { z } from 'zod';

const prefix = 'time-';

/** The id of a time query, and of the command topic that its answer comes on; no other command has such an id. */
export const timeAnswerIdSchema = z.string().regex(/^time-[0-9a-f]{16}-\d{1,9}$/, 'not the id of a time query');

/** `session`: 16 hex digits; `count` makes the queries of one session different. */
export function timeAnswerId(session: string, count: number): string {
  return `${prefix}${session}-${count}`;
}

export function isTimeAnswerId(id: string | undefined): boolean {
  return id !== undefined && id.startsWith(prefix);
}

/** What the gateway answers: its own clock when the query came and when the answer left. */
export const timeAnswerSchema = z.object({ receivedUs: z.int(), sentUs: z.int() });
export type TimeAnswer = z.infer<typeof timeAnswerSchema>;
