/** What OpenSSL calls what a handshake failed of, and what it most often means. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/alert unknown ca/i, 'it does not trust our certificate: its CA is another one (edge.gateway.caFile)'],
  [/alert certificate expired/i, 'it takes our certificate for expired: is its clock right?'],
  [
    /alert (bad certificate|certificate unknown)/i,
    'it refuses our certificate: its CA, the name it connects to, or its clock',
  ],
  [/alert (certificate required|handshake failure)/i, 'both sides did not agree on how to speak'],
  [/http request/i, 'it speaks HTTP'],
  [/wrong version number|unsupported protocol/i, 'it speaks no TLS that is taken here; is its address mqtts://?'],
  [
    /ECONNRESET|socket hang up|disconnected before/i,
    'it hung up in the handshake, as one does that does not trust our certificate (its CA, the name, or its clock)',
  ],
  [/timeout/i, 'it did not go on with the handshake'],
];

/** A sentence for a person, with what OpenSSL said behind it. */
export function explainTls(detail: string): string {
  const meaning = meanings.find(([pattern]) => pattern.test(detail))?.[1];
  return meaning === undefined ? shortOf(detail) : `${meaning} (${shortOf(detail)})`;
}

/** Without the number of the thread and the place in the sources of OpenSSL. */
function shortOf(detail: string): string {
  const parts = detail.trim().split(':');
  const library = parts.findIndex((part) => part.includes('SSL routines'));
  return (library === -1 ? detail : (parts[library + 2] ?? detail)).slice(0, 120);
}
