import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { scryptSchema, tokenOf } from '../../../core/contract/credentials.js';
import { hashToken } from '../../../gateway/identity/token-hash.js';
import { TokenVerifier } from '../../../gateway/identity/token-verifier.js';

const newToken = () => tokenOf('0123456789ab', randomBytes(32));

describe('the check of tokens', () => {
  it('tells right from wrong, and remembers what was right', async () => {
    const [token, other] = [newToken(), newToken()];
    const hash = scryptSchema.parse(await hashToken(token));
    const verifier = new TokenVerifier();
    expect(await verifier.verify(other, hash)).toBe('wrong');
    expect(verifier.verify(other, hash)).toBeInstanceOf(Promise);
    expect(await verifier.verify(token, hash)).toBe('right');
    expect(verifier.verify(token, hash)).toBe('right');
    // The same token under another record is another question.
    const again = await hashToken(token);
    expect(verifier.verify(token, again)).toBeInstanceOf(Promise);
    expect(hash.hash).not.toBe(again.hash);
  });

  it('asks once for all that ask the same, and takes no more than can wait', async () => {
    const tokens = Array.from({ length: 6 }, newToken);
    const hashes = await Promise.all(tokens.map(hashToken));
    const verifier = new TokenVerifier({ maxAtOnce: 1, maxWaiting: 3 });
    const verdicts = tokens.map((token, i) => verifier.verify(token, hashes[i]!));
    const same = verifier.verify(tokens[3]!, hashes[3]!);
    const answers: unknown[] = [];
    for (const verdict of verdicts) answers.push(await verdict);
    expect(answers).toEqual(['right', 'right', 'right', 'right', 'busy', 'busy']);
    expect(await same).toBe('right');
    expect(await verifier.verify(tokens[4]!, hashes[4]!)).toBe('right');
  });

  it('forgets what was not used for longest', async () => {
    const tokens = Array.from({ length: 3 }, newToken);
    const hashes = await Promise.all(tokens.map(hashToken));
    const verifier = new TokenVerifier({ maxRemembered: 2 });
    const ask = (i: number) => verifier.verify(tokens[i]!, hashes[i]!);
    for (const i of [0, 1, 0, 2]) await ask(i);
    expect([ask(0), ask(2)]).toEqual(['right', 'right']);
    expect(ask(1)).toBeInstanceOf(Promise);
  });
});
