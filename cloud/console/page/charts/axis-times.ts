/** The labels of a time axis: as fine as its steps, with the date where a day begins. */
const second: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const minute: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const day: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };

export function axisTimes(ticks: readonly number[], stepMs: number): string[] {
  const clock = new Intl.DateTimeFormat(undefined, stepMs < 60_000 ? second : minute);
  const date = new Intl.DateTimeFormat(undefined, day);
  return ticks.map((ms) => {
    const at = new Date(ms);
    const midnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
    return stepMs >= 86_400_000 || midnight ? date.format(ms) : clock.format(ms);
  });
}
