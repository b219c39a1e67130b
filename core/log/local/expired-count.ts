/**
 * How many of the oldest slices hold only records appended before `cutoffUs`: a slice ended when a later one was begun.
 * A stamp in the future, or before that of an earlier slice, comes from a clock that was wrong and says nothing.
 */
export function expiredCount(createdUs: readonly number[], cutoffUs: number, nowUs: number): number {
  let newestUs = -Infinity;
  let count = 0;
  for (const [index, stampUs] of createdUs.entries()) {
    if (stampUs > nowUs || stampUs < newestUs) continue;
    if (stampUs > cutoffUs) break;
    newestUs = stampUs;
    count = index;
  }
  return count;
}
