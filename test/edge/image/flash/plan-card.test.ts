import { expect, it } from 'vitest';
import type { BootPartition } from '../../../../edge/image/boot-partition.js';
import { planCard, type CardWish } from '../../../../edge/image/flash/plan-card.js';
import { smallRelease } from '../../../support/installable-release.js';

const files: Readonly<Record<string, string>> = {
  'cmdline.txt': 'root=PARTUUID=1-02 rootwait\n',
  'config.txt': 'arm_64bit=1\n',
  'user-data': '#cloud-config\n',
};
const boot: BootPartition = {
  read: (path) => (files[path] === undefined ? undefined : Buffer.from(files[path])),
  sha256: () => expect.unreachable(),
  list: () => Object.keys(files),
  write: () => expect.unreachable(),
  remove: () => expect.unreachable(),
  freeBytes: () => 1e9,
};
const wifi = { ssid: 'Plant', psk: 'ab'.repeat(32), country: 'DE', hidden: false };

async function wish(over: Partial<CardWish['system']> = {}, token = 'one'): Promise<CardWish> {
  const install = { ...(await release), identity: { kind: 'token', token } as const };
  return { system: { hostname: 'pi-07', sshKeys: [], enable: [], ...over }, install, format: 'auto' };
}
const release = smallRelease({ arch: 'arm64' });

it('is the same for the same wish, and tells its files apart by what they hold', async () => {
  const plan = planCard(await wish({ wifi }), boot);
  expect(planCard(await wish({ wifi }), boot)).toEqual(plan);
  expect(plan.format).toBe('cloud-init');
  expect([...plan.secrets].sort()).toEqual([
    'fieldline/secrets/SHA256SUMS',
    'fieldline/secrets/token',
    'meta-data',
    'network-config',
    'user-data',
  ]);
  const plain = planCard(await wish(), boot);
  expect([...plain.secrets].sort()).toEqual(['fieldline/secrets/SHA256SUMS', 'fieldline/secrets/token']);
});

it('is a first boot of its own where something is another, but tells nothing of a secret', async () => {
  const id = async (over: Parameters<typeof wish>[0], token?: string) =>
    planCard(await wish(over, token), boot).instanceId;
  const first = await id({});
  expect(first).toMatch(/^fieldline-[0-9a-f]{16}$/);
  expect(await id({}, 'two')).toBe(first);
  expect(await id({ hostname: 'pi-08' })).not.toBe(first);
  expect(await id({ wifi })).toBe(await id({ wifi: { ...wifi, psk: 'cd'.repeat(32) } }));
  expect(await id({ wifi })).not.toBe(first);
});
