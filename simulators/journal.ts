import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';

/**
 * What a simulator did, as JSON lines: a header, then each pack when it was first sent, and its number when the
 * gateway acknowledged it. What was sent but never acknowledged may be in the store or not, but not twice.
 */
const headerSchema = z.object({
  fieldline: z.literal('journal/1'),
  scenario: z.string(),
  site: z.string(),
  seed: z.number(),
  startedUs: z.number(),
});
const lineSchema = z.union([
  headerSchema,
  z.object({ sent: z.tuple([z.string(), z.string(), z.number(), z.enum(['data', 'alert'])]), payload: z.string() }),
  z.object({ acked: z.tuple([z.string(), z.string(), z.number()]) }),
  z.object({ ended: z.object({ sent: z.number(), acked: z.number() }) }),
]);

export type JournalHeader = z.infer<typeof headerSchema>;
export type JournalLine = z.infer<typeof lineSchema>;

export class JournalWriter {
  private readonly stream: WriteStream;

  constructor(path: string, header: JournalHeader) {
    this.stream = createWriteStream(path, { flags: 'w', mode: 0o600 });
    this.write(header);
  }

  sent(device: string, epoch: string, seq: number, lane: 'data' | 'alert', payload: string): void {
    this.write({ sent: [device, epoch, seq, lane], payload });
  }

  acked(device: string, epoch: string, seq: number): void {
    this.write({ acked: [device, epoch, seq] });
  }

  async end(totals: { sent: number; acked: number }): Promise<void> {
    this.write({ ended: totals });
    this.stream.end();
    await finished(this.stream);
  }

  private write(line: JournalLine): void {
    this.stream.write(`${JSON.stringify(line)}\n`);
  }
}

/** Reads a journal line by line. A torn last line, after a kill of the simulator, ends it; any other is an Error. */
export async function* readJournal(path: string): AsyncGenerator<JournalLine> {
  let number = 0;
  let torn: string | undefined;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    if (torn !== undefined) throw new Error(`${path}:${number - 1}: not a journal line: ${torn}`);
    const parsed = lineSchema.safeParse(parseOrUndefined(text));
    if (parsed.success) yield parsed.data;
    else torn = text.slice(0, 80);
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
