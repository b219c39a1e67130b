/** Times for people: local, with UTC at hand. */
const full: Intl.DateTimeFormatOptions = {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
};
const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const day: Intl.DateTimeFormatOptions = { month: 'short', day: 'numeric' };
const minutes: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };

const formats = new Map<Intl.DateTimeFormatOptions, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions, ms: number): string {
  let made = formats.get(options);
  if (!made) formats.set(options, (made = new Intl.DateTimeFormat(undefined, options)));
  return made.format(ms);
}

/** Beyond this a Date has no meaning; a broken clock may have stamped such a time. */
function valid(ms: number): boolean {
  return Math.abs(ms) <= 8.64e15;
}

/** `2026-11-21 10:53:04.120 UTC` */
export function formatUtc(timeUs: number): string {
  const ms = timeUs / 1000;
  return valid(ms) ? `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')} UTC` : '–';
}

export function formatLocal(timeUs: number): string {
  return valid(timeUs / 1000) ? format(full, timeUs / 1000) : '–';
}

/** The time of day, with the date in front unless it is the day of `nowUs`. */
export function formatShort(timeUs: number, nowUs: number): string {
  const ms = timeUs / 1000;
  if (!valid(ms)) return '–';
  const today = new Date(ms).toDateString() === new Date(nowUs / 1000).toDateString();
  return today ? format(clock, ms) : `${format(day, ms)}, ${format(minutes, ms)}`;
}

/** The value of a `<time>` element's `datetime`. */
export function isoTime(timeUs: number): string {
  return valid(timeUs / 1000) ? new Date(timeUs / 1000).toISOString() : '';
}

const steps: readonly (readonly [limitS: number, unitS: number, name: string])[] = [
  [90, 1, 's'],
  [90 * 60, 60, 'min'],
  [36 * 3600, 3600, 'h'],
  [Infinity, 86_400, 'd'],
];

/** `now`, `4 s ago`, `3 min ago`; a time ahead of `nowUs` by more than two seconds says so. */
export function formatAgo(timeUs: number, nowUs: number): string {
  const seconds = (nowUs - timeUs) / 1e6;
  const size = Math.abs(seconds);
  if (size < 2) return 'now';
  const [, unitS, name] = steps.find(([limitS]) => size < limitS)!;
  const text = `${Math.floor(size / unitS)}\u202f${name}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}
