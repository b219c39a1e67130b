/** The ticks of a time axis and their labels, in local time. */
const second: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const minute: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const day: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };
const dayMs = 86_400_000;

/** Multiples of the step between two times: of the local clock, and of local midnights from a day on. */
export function axisTicks(fromMs: number, toMs: number, stepMs: number): number[] {
  const ticks: number[] = [];
  if (stepMs >= dayMs) {
    const days = Math.round(stepMs / dayMs);
    const at = new Date(fromMs);
    at.setHours(0, 0, 0, 0);
    for (; at.getTime() <= toMs; at.setDate(at.getDate() + days)) if (at.getTime() >= fromMs) ticks.push(at.getTime());
    return ticks;
  }
  const offsetMs = new Date(fromMs).getTimezoneOffset() * 60_000;
  const first = Math.ceil((fromMs - offsetMs) / stepMs) * stepMs + offsetMs;
  for (let ms = first; ms <= toMs; ms += stepMs) ticks.push(ms);
  return ticks;
}

/** As fine as the step, with the date where a day begins. */
export function axisTimes(ticks: readonly number[], stepMs: number): string[] {
  const clock = new Intl.DateTimeFormat(undefined, stepMs < 60_000 ? second : minute);
  const date = new Intl.DateTimeFormat(undefined, day);
  return ticks.map((ms) => {
    const at = new Date(ms);
    const midnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
    return stepMs >= dayMs || midnight ? date.format(ms) : clock.format(ms);
  });
}
