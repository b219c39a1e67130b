import { expect, test } from 'vitest';
import { killEverywhere } from '../../support/kill-install.js';
import { smallRelease } from '../../support/installable-release.js';

const release = { ...(await smallRelease()), ca: 'CA\n', identity: { kind: 'enrolment', token: 'secret' } as const };

// The plug is pulled at every point that makes a step last.
test.skipIf(process.platform !== 'linux').each(['before', 'after'] as const)(
  'the installer comes to the same end after kill -9 %s any of its steps',
  async (when) => {
    expect(await killEverywhere(release, when, 1)).toBeGreaterThan(20);
  },
  240_000,
);
