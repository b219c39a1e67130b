import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { digestFile } from '../../edge/image/card/digest-file.js';
import { openCard } from '../../edge/image/card/open-card.js';
import {
  readCardManifest,
  writeCardManifest,
  type CardManifest,
  type CardRecord,
} from '../../edge/image/flash/card-manifest.js';
import type { CardPlan } from '../../edge/image/flash/plan-card.js';
import { hashFile } from '../../edge/image/source/hash-file.js';

export const manifestName = 'fieldline-cards.json';

/** What a batch has made, written down after each image, so that a run that broke off goes on where it was. */
export class CardBook {
  private readonly records = new Map<number, CardRecord>();
  private before: CardManifest | undefined;
  /** One writing after the other. */
  private writing: Promise<void> = Promise.resolve();

  /** Without a folder nothing is written down. */
  constructor(
    private readonly folder: string | undefined,
    private readonly head: Omit<CardManifest, 'type' | 'format' | 'cards'>,
  ) {}

  /** What an earlier run left. */
  async read(): Promise<void> {
    if (this.folder === undefined) return;
    const before = await readFile(join(this.folder, manifestName), 'utf8').then(readCardManifest, () => undefined);
    // Another image makes other cards.
    if (before?.image.sha256 === this.head.image.sha256) this.before = before;
  }

  /**
   * The record of an image that is there as it would be written now, its identity aside, which stays: the same image and
   * release, the file unchanged since, and every other file in it as planned.
   */
  async kept(path: string, plan: CardPlan, signal: AbortSignal): Promise<CardRecord | undefined> {
    const record = this.before?.cards.find(({ file }) => file === basename(path));
    if (!record) return undefined;
    const isThere = await stat(path).then(
      ({ size }) => size === record.bytes,
      () => false,
    );
    if (!isThere || !(await isUnchanged(path, record, signal))) return undefined;
    return (await holds(path, plan)) ? record : undefined;
  }

  /**
   * Writes down the card at this place of the table. Before its image appears: one that is written down and not there is made
   * anew, but one that is there and not written down would be somebody else's.
   */
  async add(place: number, record: CardRecord): Promise<void> {
    this.records.set(place, record);
    await this.save();
  }

  /** It was not made after all. */
  async remove(place: number): Promise<void> {
    if (this.records.delete(place)) await this.save();
  }

  private get cards(): CardRecord[] {
    return [...this.records].sort(([a], [b]) => a - b).map(([, record]) => record);
  }

  private async save(): Promise<void> {
    if (this.folder === undefined) return;
    const added = new Set(this.cards.map((card) => card.file));
    // Their turn is still to come; should it not, what is there is not forgotten.
    const waiting = (this.before?.cards ?? []).filter(({ file }) => !added.has(file));
    await this.write({ ...this.manifest(), cards: [...this.cards, ...waiting] });
  }

  /** At the end: what an earlier table had and this one has not is left out. */
  async finish(): Promise<void> {
    if (this.folder !== undefined) await this.write(this.manifest());
  }

  private write(manifest: CardManifest): Promise<void> {
    const file = join(this.folder!, manifestName);
    const writing = this.writing.then(async () => {
      await writeFile(`${file}.partial`, writeCardManifest(manifest), { flush: true });
      await rename(`${file}.partial`, file);
    });
    this.writing = writing.catch(() => undefined);
    return writing;
  }

  /** What was added, in the order of the table. */
  manifest(): CardManifest {
    return { type: 'fieldline-cards', format: 1, ...this.head, cards: this.cards };
  }

  summary(): string[] {
    return this.folder === undefined ? [] : [`${join(this.folder, manifestName)}: ${this.cards.length} cards`];
  }
}

/** Also by the hash of a manifest that has no other. */
async function isUnchanged(path: string, { fsverity, sha256 }: CardRecord, signal: AbortSignal): Promise<boolean> {
  if (fsverity !== undefined) return (await digestFile(path, { signal })) === fsverity;
  return (await hashFile(path, { signal })) === sha256;
}

const identityFolder = 'fieldline/secrets/';

async function holds(path: string, { files }: CardPlan): Promise<boolean> {
  const card = await openCard(path);
  try {
    return files
      .filter((file) => !file.path.startsWith(identityFolder))
      .every((file) => {
        const found = card.boot.read(file.path);
        return found !== undefined && Buffer.from(found).equals(file.bytes);
      });
  } finally {
    card.close();
  }
}
