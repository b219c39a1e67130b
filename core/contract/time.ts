/** The SenML boundary: a time below it is relative to the moment of receipt (RFC 8428, section 4.5.3). */
export const relativeTimeLimitSeconds = 2 ** 28;

/** Seconds to integer microseconds. Rounds: truncation corrupts 11 % of the stamps, because seconds are binary fractions. */
export function secondsToUs(seconds: number): number {
  return Math.round(seconds * 1e6);
}

/** Integer microseconds to seconds; the nearest double keeps the microsecond for any time before the year 2255. */
export function usToSeconds(timeUs: number): number {
  return timeUs / 1e6;
}

/** The start of the UTC-aligned bucket of `widthUs` that holds `timeUs`; right before 1970 as well. */
export function bucketStart(timeUs: number, widthUs: number): number {
  return Math.floor(timeUs / widthUs) * widthUs;
}

export const minuteUs = 60_000_000;
export const hourUs = 60 * minuteUs;
export const dayUs = 24 * hourUs;
