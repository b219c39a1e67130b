const maxTopicBytes = 65_535;

/** Whether it is a topic filter of MQTT 3.1.1, section 4.7: `+` and `#` stand alone in a level, `#` only in the last. */
export function isTopicFilter(text: string): boolean {
  if (text === '' || text.includes('\0') || Buffer.byteLength(text) > maxTopicBytes) return false;
  const levels = text.split('/');
  return levels.every((level, i) => !/[+#]/.test(level) || level === '+' || (level === '#' && i === levels.length - 1));
}

/** A filter made ready to match topics. */
export function topicMatcher(filter: string): (topic: string) => boolean {
  const levels = filter.split('/');
  // Wildcards at the beginning do not match topics that begin with `$`. [MQTT-4.7.2-1]
  const sparesSystem = /^[+#]/.test(filter);
  return (topic) => !(sparesSystem && topic.startsWith('$')) && matchLevels(levels, topic.split('/'));
}

function matchLevels(levels: readonly string[], topic: readonly string[]): boolean {
  for (const [i, level] of levels.entries()) {
    // `a/#` also matches `a`. [MQTT-4.7.1-2]
    if (level === '#') return true;
    if (i >= topic.length || (level !== '+' && level !== topic[i])) return false;
  }
  return topic.length === levels.length;
}
