import { z } from 'zod';
import { deviceCommandResultSchema, type DeviceCommandResult } from '#core/contract/device-commands.js';
import type { JsonFile } from '../json-file.js';

/** The oldest entries are forgotten beyond this. */
const maxEntries = 256;
const maxBytes = 256 * 1024;

export const journalSchema = z.array(z.object({ id: z.string(), result: deviceCommandResultSchema.optional() }));
type Entry = z.infer<typeof journalSchema>[number];

/** Which commands were begun, and what was answered, over restarts. Without a file they are forgotten with the process. */
export class CommandJournal {
  #entries: Promise<Map<string, Entry>> | undefined;
  #saving: Promise<unknown> = Promise.resolve();

  constructor(private readonly file?: JsonFile<Entry[]>) {}

  /** Undefined for a command that was never begun; without `result` for one of which that is all that is known. */
  async find(id: string): Promise<Entry | undefined> {
    return (await this.#load()).get(id);
  }

  /** Resolves when it is on disk that the command is begun. Throws RetryableError; then it may not be begun. */
  async begin(id: string): Promise<void> {
    await this.#put({ id });
  }

  async end(id: string, result: DeviceCommandResult): Promise<void> {
    await this.#put({ id, result });
  }

  async #put(entry: Entry): Promise<void> {
    const entries = await this.#load();
    const before = entries.get(entry.id);
    entries.delete(entry.id);
    entries.set(entry.id, entry);
    try {
      await this.#save(entries);
    } catch (error) {
      // What was not written was not begun; what was done stays so.
      if (!before && !entry.result) entries.delete(entry.id);
      throw error;
    }
  }

  async #save(entries: Map<string, Entry>): Promise<void> {
    for (const id of tooMany([...entries.values()])) entries.delete(id);
    const saved = this.#saving.then(() => this.file?.save([...entries.values()]));
    this.#saving = saved.catch(() => undefined);
    await saved;
  }

  #load(): Promise<Map<string, Entry>> {
    this.#entries ??= (this.file?.load() ?? Promise.resolve(undefined)).then(
      (entries = []) => new Map(entries.map((entry) => [entry.id, entry])),
    );
    return this.#entries;
  }
}

/** The ids to forget: never the newest. */
function tooMany(entries: readonly Entry[]): string[] {
  let bytes = 0;
  const kept = entries.findLastIndex((entry, i) => {
    bytes += JSON.stringify(entry).length;
    return i < entries.length - 1 && (entries.length - i > maxEntries || bytes > maxBytes);
  });
  return entries.slice(0, kept + 1).map(({ id }) => id);
}
