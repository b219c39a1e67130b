/** Whether it is a topic filter of MQTT 3.1.1, section 4.7: `+` and `#` stand alone in a level, `#` only in the last. */
export function isTopicFilter(text: string): boolean {
  if (text === '' || text.includes('\0') || Buffer.byteLength(text) > 65_535) return false;
  const levels = text.split('/');
  return levels.every((level, i) => !/[+#]/.test(level) || level === '+' || (level === '#' && i === levels.length - 1));
}

export function hasWildcard(filter: string): boolean {
  return /[+#]/.test(filter);
}

/** Whether a topic matches. Wildcards at the beginning do not match topics that begin with `$` [MQTT-4.7.2-1]. */
export function matches(filter: string, topic: string): boolean {
  return !(topic.startsWith('$') && /^[+#]/.test(filter)) && covers(filter, topic);
}

/** Whether every topic that matches `inner` also matches `outer`. */
export function covers(outer: string, inner: string): boolean {
  const [wide, narrow] = [outer.split('/'), inner.split('/')];
  for (const [i, level] of wide.entries()) {
    // `a/#` also matches `a` [MQTT-4.7.1-2].
    if (level === '#') return true;
    const other = narrow[i];
    if (other === undefined || other === '#' || (level !== '+' && level !== other)) return false;
  }
  return narrow.length === wide.length;
}

/** Whether some topic matches both. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [one.split('/'), other.split('/')];
  for (let i = 0; ; i += 1) {
    if (a[i] === '#' || b[i] === '#') return true;
    if (a[i] === undefined || b[i] === undefined) return a[i] === b[i];
    if (a[i] !== '+' && b[i] !== '+' && a[i] !== b[i]) return false;
  }
}

/** Two filters that share topics without one covering the other: a broker may send such a message twice. */
export function crossing(filters: readonly string[]): readonly [string, string] | undefined {
  const wide = widest(filters);
  for (const [i, one] of wide.entries()) {
    const other = wide.slice(i + 1).find((each) => overlap(one, each));
    if (other !== undefined) return [one, other];
  }
  return undefined;
}

/** The filters that cover all others: subscribed to them, nothing is missed and nothing comes twice. */
export function widest(filters: readonly string[]): string[] {
  const distinct = [...new Set(filters)];
  return distinct.filter((inner) => !distinct.some((outer) => outer !== inner && covers(outer, inner)));
}
