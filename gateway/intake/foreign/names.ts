import { createHash } from 'node:crypto';
import { isName } from '#core/contract/names.js';
import { ownText } from './own-text.js';

const maxLength = 64;
const hashDigits = 6;
/** Names made lately, so that the hot path makes each once. */
const remembered = 20_000;
/** Longer texts are made into names each time. */
const maxRememberedLength = 200;

/**
 * Makes names of the contract from what others call their things. What is a name already stays; anything else gets `-` for
 * what a name may not hold, and digits of the hash of the whole, so that two things never share a name by it.
 */
export class NameMaker {
  private readonly names = new Map<string, string>();

  of(text: string): string {
    const known = this.names.get(text);
    if (known !== undefined) return known;
    const name = isName(text) ? ownText(text) : escaped(text);
    if (text.length > maxRememberedLength) return name;
    if (this.names.size >= remembered) this.names.delete(this.names.keys().next().value!);
    this.names.set(ownText(text), name);
    return name;
  }
}

function escaped(text: string): string {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, hashDigits);
  const plain = text.replace(/[^A-Za-z0-9_.:-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
  return `${plain === '' ? 'x' : plain.slice(0, maxLength - hashDigits - 1)}-${hash}`;
}
