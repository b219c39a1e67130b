import { windowSum, type Point, type WindowParts } from '../contract/reading.js';
import { bucketStart, hourUs, minuteUs } from '../contract/time.js';

/** A window point: its parts are never missing. */
export type WindowPoint = Point & { readonly form: 'window'; readonly value: number; readonly window: WindowParts };

/** Whether windows of this width fit the tiers: they divide a minute, or are whole minutes that divide an hour. */
export function isWindowWidth(widthUs: number): boolean {
  if (!Number.isSafeInteger(widthUs) || widthUs <= 0) return false;
  return minuteUs % widthUs === 0 || (widthUs % minuteUs === 0 && hourUs % widthUs === 0);
}

/**
 * The window of `widthUs` over smaller windows of one sensor, in order of time: what one window over all their readings
 * would have been. Throws RangeError if they do not lie within one such window.
 */
export function mergeWindows(windows: readonly WindowPoint[], widthUs: number): WindowPoint {
  const [head, tail] = [windows[0], windows.at(-1)];
  if (!head || !tail) throw new RangeError('no window to merge');
  const timeUs = bucketStart(head.timeUs, widthUs);
  if (tail.timeUs + tail.window.spanUs > timeUs + widthUs) throw new RangeError('the windows do not lie within one');
  let [sum, count, min, max] = [0, 0, Infinity, -Infinity];
  for (const { value, window } of windows) {
    sum += windowSum(value, window);
    count += window.count;
    min = Math.min(min, window.min);
    max = Math.max(max, window.max);
  }
  const window = { spanUs: widthUs, count, min, max, first: head.window.first, last: tail.window.last };
  const quality = windows.every((part) => part.quality === 'good') ? 'good' : 'uncertain';
  return { sensor: head.sensor, timeUs, value: sum / count, quality, form: 'window', window };
}
