import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { installFiles } from '../../../edge/install/install-files.js';
import { smallRelease } from '../../support/installable-release.js';

const setup = { ...(await smallRelease()), ca: 'CA\n', identity: { kind: 'enrolment', token: 'secret' } as const };

describe('installFiles', () => {
  test('gives the same bytes for the same setup', () => {
    expect(installFiles(setup)).toEqual(installFiles(setup));
  });

  test('sums every file up once, the secrets apart', () => {
    const files = installFiles(setup);
    const listed = new Map<string, string>();
    for (const list of files.filter(({ path }) => path.endsWith('SHA256SUMS'))) {
      for (const line of Buffer.from(list.bytes).toString().trimEnd().split('\n')) {
        const [sum, name] = line.split('  ');
        listed.set(list.path.replace('SHA256SUMS', name!), sum!);
      }
    }
    const others = files.filter(({ path }) => !path.endsWith('SHA256SUMS'));
    expect([...listed.keys()].sort()).toEqual(others.map(({ path }) => path).sort());
    for (const { path, bytes } of others)
      expect(listed.get(path)).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(Buffer.from(files.find(({ path }) => path === 'fieldline/SHA256SUMS')!.bytes).toString()).not.toContain(
      'secrets/',
    );
  });

  test('has the secrets of its kind of identity and no others', () => {
    const secrets = (identity: Parameters<typeof installFiles>[0]['identity']) =>
      installFiles({ ...setup, identity })
        .map(({ path }) => path)
        .filter((path) => path.includes('/secrets/'))
        .map((path) => path.replace('fieldline/secrets/', ''));
    expect(secrets(undefined)).toEqual([]);
    expect(secrets({ kind: 'token', token: 't' })).toEqual(['token', 'SHA256SUMS']);
    expect(secrets({ kind: 'enrolment', token: 't' })).toEqual(['enrol-token', 'SHA256SUMS']);
    expect(secrets({ kind: 'certificate', cert: 'c', key: 'k' })).toEqual([
      'device.pem',
      'device-key.pem',
      'SHA256SUMS',
    ]);
  });

  test('refuses a part that is missing or has other bytes', () => {
    const [sha256] = [...setup.parts.keys()];
    expect(() => installFiles({ ...setup, parts: new Map() })).toThrow(/is missing/);
    expect(() => installFiles({ ...setup, parts: new Map([...setup.parts, [sha256!, Buffer.from('x')]]) })).toThrow(
      /other bytes/,
    );
  });
});
