/**
 * Whether every topic that a subscription to `asked` matches is matched by `granted`, too. Both are topic filters.
 * Wildcards at the beginning do not match topics that begin with `$`. [MQTT-4.7.2-1]
 */
export function coversFilter(granted: string, asked: string): boolean {
  const [grant, ask] = [granted.split('/'), asked.split('/')];
  if (ask[0]!.startsWith('$') && grant[0] !== ask[0]) return false;
  for (const [i, level] of grant.entries()) {
    // `a/#` also matches `a`. [MQTT-4.7.1-2]
    if (level === '#') return true;
    const wanted = ask[i];
    if (wanted === undefined || wanted === '#') return false;
    if (level !== '+' && level !== wanted) return false;
  }
  return grant.length === ask.length;
}
