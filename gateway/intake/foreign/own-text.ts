/**
 * The same text in memory of its own. A part of a text keeps the whole alive: what is remembered beyond its message would
 * keep all of that message.
 */
export function ownText(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
