import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ClientCertificate } from '../../../edge/client-certificate.js';
import { newKey } from '../../../edge/identity/certificate-request.js';
import { IdentityFiles } from '../../../edge/identity/identity-files.js';
import { createAuthority, signCertificate, type Authority } from '../../../gateway/identity/authority/certificates.js';
import { tempDir } from '../../support/temp-dir.js';
import { devicePaths } from './enrolling-device.js';

const token = 'fle_token';
let authority: Authority;
let old: ClientCertificate;

beforeAll(async () => {
  authority = await createAuthority('Test', { nowMs: Date.now(), days: 30 });
  const key = newKey();
  old = { key, cert: await certify(key) };
});

function certify(key: string): Promise<string> {
  const request = { name: 'plant1/press-07', publicKey: createPublicKey(createPrivateKey(key)) };
  return signCertificate(authority, request, { nowMs: Date.now(), days: 10 });
}

async function open(hasOld: boolean) {
  const paths = await devicePaths(await tempDir(), token);
  if (hasOld) {
    await writeFile(paths.keyFile, old.key);
    await writeFile(paths.certFile, old.cert);
  }
  let left = Infinity;
  const pathsOf = { certFile: paths.certFile, keyFile: paths.keyFile, tokenFile: paths.enrolTokenFile };
  const files = new IdentityFiles(pathsOf, () => {
    left -= 1;
    if (left < 0) throw new Error('the plug was pulled');
  });
  return { paths, files, reopened: () => new IdentityFiles(pathsOf), pullAfter: (steps: number) => (left = steps) };
}

/** All of it, from the token to the new pair in use; the gateway knows the key that asked first. */
async function enrol(files: IdentityFiles, asked: { key?: string }): Promise<void> {
  if (!(await files.next())) {
    if ((await files.token()) === undefined) return;
    const key = await files.nextKey();
    asked.key ??= key;
    // A token is good for one key.
    expect(key).toBe(asked.key);
    await files.keepNext(await certify(key));
  }
  await files.commit(await files.token());
}

describe.each([
  ['without a certificate', false],
  ['with a certificate', true],
])('a device %s', (_what, hasOld) => {
  it.each([0, 1, 2, 3, 4, 5])(
    'whose plug is pulled after step %i of its enrolment ends with the new pair',
    async (steps) => {
      const { files, reopened, pullAfter, paths } = await open(hasOld);
      const asked = {};
      pullAfter(steps);
      const ended = await enrol(files, asked).then(
        () => 'done',
        () => 'pulled',
      );
      expect(ended).toBe(steps < 5 ? 'pulled' : 'done');
      const after = reopened();
      // It is never locked out: something works, or the token is still there with its key.
      const [next, current] = [await after.next(), await after.current()];
      if (hasOld) expect(next ?? current).toBeDefined();
      else expect(next ?? current ?? (await after.token())).toBeDefined();
      await enrol(reopened(), asked);
      const last = await reopened().current();
      expect(last!.cert).not.toBe(old.cert);
      expect(last!.key).not.toBe(old.key);
      expect([paths.enrolTokenFile, `${paths.keyFile}.next`, `${paths.certFile}.next`].filter(existsSync)).toEqual([]);
    },
  );

  it('keeps the old pair while the new one is only beside it, and when that is given up', async () => {
    const { files } = await open(hasOld);
    await files.keepNext(await certify(await files.nextKey()));
    expect(await files.current()).toEqual(hasOld ? old : undefined);
    await files.dropNext();
    expect(await files.next()).toBeUndefined();
    expect(await files.current()).toEqual(hasOld ? old : undefined);
  });
});

it('a key or certificate that is damaged is none, and a token that is another stays', async () => {
  const { files, paths } = await open(true);
  await writeFile(paths.certFile, 'garbage');
  expect(await files.current()).toBeUndefined();
  await writeFile(`${paths.keyFile}.next`, old.key.slice(0, 50));
  expect(await files.nextKey()).not.toBe(old.key.slice(0, 50));
  await files.keepNext(old.cert);
  expect(await files.next()).toBeUndefined();
  await files.dropToken('another');
  expect((await readFile(paths.enrolTokenFile, 'utf8')).trim()).toBe(token);
});
