const maxTopicBytes = 65_535;

/** Whether it is a topic filter of MQTT 3.1.1, section 4.7: `+` and `#` stand alone in a level, `#` only in the last. */
export function isTopicFilter(text: string): boolean {
  if (text === '' || text.includes('\0') || Buffer.byteLength(text) > maxTopicBytes) return false;
  const levels = text.split('/');
  return levels.every((level, i) => !/[+#]/.test(level) || level === '+' || (level === '#' && i === levels.length - 1));
}

export function hasWildcard(filter: string): boolean {
  return /[+#]/.test(filter);
}

/** A filter made ready to match topics. */
export function topicMatcher(filter: string): (topic: string) => boolean {
  const levels = filter.split('/');
  return (topic) => coversLevels(levels, topic.split('/'));
}

/** Whether every topic that matches `inner` also matches `outer`. */
export function coversFilter(outer: string, inner: string): boolean {
  return coversLevels(outer.split('/'), inner.split('/'));
}

/** Whether some topic matches both. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [one.split('/'), other.split('/')];
  if (sparesSystem(a, b) || sparesSystem(b, a)) return false;
  for (let i = 0; ; i += 1) {
    if (a[i] === '#' || b[i] === '#') return true;
    if (a[i] === undefined || b[i] === undefined) return a[i] === b[i];
    if (a[i] !== '+' && b[i] !== '+' && a[i] !== b[i]) return false;
  }
}

/** A topic is a filter that only it matches. */
function coversLevels(outer: readonly string[], inner: readonly string[]): boolean {
  if (sparesSystem(outer, inner)) return false;
  for (const [i, level] of outer.entries()) {
    // `a/#` also matches `a`. [MQTT-4.7.1-2]
    if (level === '#') return true;
    const other = inner[i];
    if (other === undefined || other === '#' || (level !== '+' && level !== other)) return false;
  }
  return inner.length === outer.length;
}

/** Wildcards at the beginning do not match topics that begin with `$`. [MQTT-4.7.2-1] */
function sparesSystem(filter: readonly string[], topic: readonly string[]): boolean {
  return (filter[0] === '+' || filter[0] === '#') && topic[0]!.startsWith('$');
}
