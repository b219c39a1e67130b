import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { pinnedAuthority } from '../../edge/pinned-authority.js';
import { tempDir } from '../support/temp-dir.js';

const url = 'mqtts://localhost:8883';

it('reads the authority once, and says so at the start where there is none', async () => {
  const file = fileURLToPath(new URL('../fixtures/tls/chain/authority.pem', import.meta.url));
  expect(pinnedAuthority({ url, caFile: file }).ca).toContain('BEGIN CERTIFICATE');
  expect(pinnedAuthority({ url })).toEqual({});
  const empty = join(await tempDir(), 'empty.pem');
  await writeFile(empty, 'no certificate');
  for (const caFile of [empty, '/nowhere.pem']) {
    expect(() => pinnedAuthority({ url, caFile })).toThrow(expect.objectContaining({ code: 'bad-config' }));
  }
});
