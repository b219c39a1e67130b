import { rm } from 'node:fs/promises';
import type { CardProgress, UnpackedImage, WriteImageOptions, WrittenImage } from '../card-types.js';
import { openCard } from '../card/open-card.js';
import { writeImage } from '../card/write-image.js';
import type { ImageSource } from '../source/image-source.js';
import { bootHashes, checkBoot, checkCopy } from './check-copy.js';
import { applyOwn, applyShared, type CardPlan } from './plan-card.js';

export interface FlashCardOptions {
  readonly source: ImageSource;
  /** The same image, if it was unpacked before; perhaps by {@link prepareImage}. */
  readonly unpacked?: UnpackedImage;
  /** A file, or with `device` a device node that was checked. */
  readonly out: string;
  readonly device: boolean;
  readonly overwrite: boolean;
  /** Of the files that are written. */
  readonly timeMs: number;
  readonly plan: CardPlan;
  /** Reads all of the copy back, not only the files that were written. A device is always read back. */
  readonly verify: boolean;
  /** Tell the SHA-256 of the whole file too. */
  readonly sha256?: boolean;
  readonly signal: AbortSignal;
  readonly beforeFinish?: WriteImageOptions['beforeFinish'];
  readonly onProgress: (progress: Omit<CardProgress, 'step'> & { readonly step: string }) => void;
}

/** Writes one card or its image. Throws what {@link writeImage} throws; then nothing is left of it. */
export async function flashCard(options: FlashCardOptions): Promise<WrittenImage> {
  const { out, device, plan, verify } = options;
  let before: ReadonlyMap<string, string> = new Map();
  const prepared = options.unpacked?.prepared;
  const written = await writeImage({
    ...options,
    prepare(boot) {
      if (verify) before = bootHashes(boot);
      applyShared(plan, boot);
    },
    edit(boot) {
      if (verify && prepared) before = bootHashes(boot);
      applyOwn(plan, boot);
    },
  });
  try {
    if (verify) await readBack(options, before);
    return written;
  } catch (error) {
    // A device holds what it holds; whoever asked is told.
    if (!device) await rm(out, { force: true });
    throw error;
  }
}

async function readBack(options: FlashCardOptions, before: ReadonlyMap<string, string>): Promise<void> {
  const { source, out, plan, signal, onProgress } = options;
  const card = await openCard(out);
  const { partition } = card;
  try {
    checkBoot(card.boot, before, plan);
  } finally {
    card.close();
  }
  await checkCopy(source, out, partition, {
    signal,
    onProgress: (doneBytes, totalBytes) => onProgress({ step: 'compare', doneBytes, totalBytes }),
  });
}
