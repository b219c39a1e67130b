import type { FlashCardOptions } from '../../edge/image/flash/flash-card.js';
import type { StepReport } from './report.js';

type OnProgress = FlashCardOptions['onProgress'];

/** Tells of each step of one card; of many only how much was copied, for several are made at once. */
export function cardProgress(cards: number, report: StepReport): (name: string, place: number) => OnProgress {
  const copied = new Map<number, number>();
  return (name, place) =>
    ({ step, doneBytes, totalBytes }) => {
      if (cards === 1) return report.update(`${name}: ${step}`, doneBytes, totalBytes);
      if (step !== 'copy') return;
      copied.set(place, doneBytes);
      const allBytes = [...copied.values()].reduce((sum, bytes) => sum + bytes, 0);
      report.update(`copying ${cards} cards`, allBytes, totalBytes * cards);
    };
}
