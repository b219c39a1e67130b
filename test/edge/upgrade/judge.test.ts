import fc from 'fast-check';
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { signRelease, type DesiredRelease, type ReleaseManifest } from '../../../core/contract/release.js';
import { compareVersions } from '../../../edge/upgrade/compare-versions.js';
import { judge, readDesired, versionOf, type Wish } from '../../../edge/upgrade/judge.js';
import type { ReleaseOutcome } from '../../../edge/upgrade/upgrade-state.js';

const { privateKey } = generateKeyPairSync('ed25519');
const manifest = (version: string, over: Partial<ReleaseManifest> = {}): ReleaseManifest => ({
  ...{ type: 'fieldline-release', format: 1, version, arch: 'arm64', builtUs: 1, nodeVersion: '22.0.0' },
  parts: [{ name: 'app', bytes: 1, sha256: 'a'.repeat(64), unpackedBytes: 1 }],
  ...over,
});
const signed = (release: ReleaseManifest) => signRelease(release, privateKey);
const running = { signed: signed(manifest('1.5.0')).signed, manifest: manifest('1.5.0') };
const desired = (release: ReleaseManifest, id = 'r1'): DesiredRelease => ({
  ...{ type: 'fieldline-desired-release', format: 1, release: signed(release), trialMs: 60_000, id },
  sources: ['https://example.org/releases'],
});
const wish = (release: ReleaseManifest, over: Partial<Wish> = {}): Wish => ({
  ...{ desired: desired(release), manifest: release, running, settled: [], allowOlder: true },
  ...over,
});
const settled = (version: string, status: ReleaseOutcome['status'], id = 'r1') => [{ id, version, status }];

describe('a wish', () => {
  test('for what runs is fulfilled', () => {
    expect(judge(wish(manifest('1.5.0')))).toEqual({ id: 'r1', version: '1.5.0', status: 'confirmed' });
  });

  test('for a newer one is followed, under any id', () => {
    expect(judge(wish(manifest('1.6.0')))).toBeUndefined();
    expect(judge(wish(manifest('1.6.0'), { settled: settled('1.6.0', 'confirmed') }))).toBeUndefined();
  });

  test('for what went wrong under its id gets the same answer, and under a new one is followed', () => {
    const before = settled('1.6.0', 'rolled-back');
    expect(judge(wish(manifest('1.6.0'), { settled: before }))).toEqual(before[0]);
    const again = { desired: desired(manifest('1.6.0'), 'r2'), settled: before };
    expect(judge(wish(manifest('1.6.0'), again))).toBeUndefined();
  });

  test('for an older one is followed if it is announced anew, unless that is off', () => {
    expect(judge(wish(manifest('1.4.0')))).toBeUndefined();
    expect(() => judge(wish(manifest('1.4.0'), { settled: settled('1.5.0', 'confirmed') }))).toThrow(
      'announce it anew',
    );
    expect(() => judge(wish(manifest('1.4.0'), { allowOlder: false }))).toThrow('allowOlder is off');
  });

  test('for another board, or for another release of the same version, is refused', () => {
    expect(() => judge(wish(manifest('1.6.0', { arch: 'armv7l' })))).toThrow('it is for armv7l, and this is arm64');
    expect(() => judge(wish(manifest('1.5.0', { builtUs: 2 })))).toThrow('give the new one another version');
  });
});

describe('a message of the release topic', () => {
  test('is read, and whatever is none is an error and no exception', () => {
    const good = desired(manifest('1.6.0'));
    expect(readDesired(Buffer.from(JSON.stringify(good)))).toEqual(good);
    expect(readDesired(Buffer.alloc(10_000_000, '['))).toMatchObject({ code: 'too-large' });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(readDesired(bytes)).toBeInstanceOf(Error);
        },
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => versionOf({ signed: text, signature: '' }).length <= 64));
  });

  test('names addresses of the web only', () => {
    const evil = { ...desired(manifest('1.6.0')), sources: ['file:///etc/passwd'] };
    expect(readDesired(Buffer.from(JSON.stringify(evil)))).toMatchObject({ code: 'schema' });
  });
});

describe('versions', () => {
  const rising = [
    ...['0.9.0', '0.10.0', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-rc.2', '1.0.0-rc.11', '1.0.0'],
    ...['1.0.0+1a', '1.0.1', '1.2', '1.2.1', '2.0.0', '10.0.0', '2026.11.21'],
  ];

  test('rise as people count', () => {
    for (const [i, a] of rising.entries()) {
      for (const [j, b] of rising.entries())
        expect([a, b, Math.sign(compareVersions(a, b))]).toEqual([a, b, Math.sign(i - j)]);
    }
  });

  test('have an order', () => {
    const version = fc.stringMatching(/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,12}$/);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
