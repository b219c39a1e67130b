import type { VerifyCard } from '../card-types.js';
import { openCard } from './open-card.js';
import { compareFiles } from './written-files.js';

/** Compares files of a card with their hashes; nothing is written. */
export const verifyCard: VerifyCard = async (path, files) => {
  const card = await openCard(path);
  try {
    const different = compareFiles(card.boot, files);
    const wrong = new Set(different.map((difference) => difference.path));
    return {
      same: files.map((file) => file.path).filter((name) => !wrong.has(name)),
      different,
      warnings: card.warnings,
    };
  } finally {
    card.close();
  }
};
