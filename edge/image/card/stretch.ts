/** The unit in which a card is copied, and compared afterwards. */
export const stretchBytes = 1024 * 1024;

/** Of a stretch, which is shorter where the image ends. */
export function sizeOfStretch(index: number, imageBytes: number): number {
  return Math.min(stretchBytes, imageBytes - index * stretchBytes);
}
