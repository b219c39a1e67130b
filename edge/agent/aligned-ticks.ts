import { bucketStart } from '#core/contract/time.js';
import type { Clock } from '#core/runtime/clock.js';

/** A longer sleep is cut, so that a step of the wall clock moves the next tick within this time. */
const maxSleepMs = 10_000;
/** A tick that is later, or earlier, is no late one: the clock was set meanwhile, or the machine slept. */
const maxAwayUs = 60e6;

/**
 * Calls `onTick` at every multiple of `intervalMs` since the Unix epoch until `signal` aborts: ticks do not drift, and
 * devices measure at the same moments. A tick whose time passed during a long callback is left out, never caught up.
 */
export async function alignedTicks(
  intervalMs: number,
  clock: Clock,
  signal: AbortSignal,
  onTick: (dueUs: number) => void,
): Promise<void> {
  const intervalUs = Math.round(intervalMs * 1000);
  let dueUs = NaN;
  while (!signal.aborted) {
    dueUs = nextDue(clock.nowUs(), dueUs, intervalUs);
    // Cut to whole milliseconds a timer would end too early.
    const waitMs = Math.ceil((dueUs - clock.nowUs()) / 1000);
    if (waitMs > maxSleepMs) {
      await clock.sleep(maxSleepMs, signal);
      dueUs = NaN;
      continue;
    }
    await clock.sleep(waitMs, signal);
    if (signal.aborted) return;
    const nowUs = clock.nowUs();
    const isAway = Math.abs(nowUs - dueUs) > maxAwayUs;
    onTick(isAway ? nowUs : dueUs);
    if (isAway) dueUs = NaN;
  }
}

/** The next multiple behind `nowUs`; a timer that ended early must not make one tick twice. */
function nextDue(nowUs: number, lastUs: number, intervalUs: number): number {
  const dueUs = bucketStart(nowUs, intervalUs) + intervalUs;
  return dueUs === lastUs ? dueUs + intervalUs : dueUs;
}
