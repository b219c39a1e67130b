import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFailed, onTestFinished } from 'vitest';
import type { RolloutView } from '../../gateway/rollout/rollout-view.js';
import type { DeviceView } from '../../cloud/serve/device-view.js';
import { lastJson } from '../support/fieldline.js';
import { tempDir } from '../support/temp-dir.js';
import { alterRelease } from './altered-release.js';
import { type Card, makeCardImage, openCard } from './card.js';
import { ensureGuest } from './guest/ensure-guest.js';
import type { GuestSuite } from './guest/overlay.js';
import type { Machine } from './machine.js';
import { type Plant, startPlant } from './plant.js';
import { type Story, tellStory } from './story.js';

const minute = 60_000;
/** Of an emulated machine on a busy one; none of them is an assertion of speed. */
const bootMs = 15 * minute;

/** What a card shows at its first contact: one enrols, the other has a token of its own. */
interface Kind {
  readonly suite: GuestSuite;
  readonly option: string;
  readonly make: readonly string[];
}
const kinds = {
  'cloud-init': { suite: 'trixie', option: '--enrol-token-file', make: ['device', 'enrol', 'plant1/pi-07'] },
  firstrun: { suite: 'bookworm', option: '--token-file', make: ['device', 'token', 'plant1/pi-07', '--issue'] },
} as const satisfies Record<string, Kind>;
type Format = keyof typeof kinds;

/** What becomes of an agent that is released by mistake. */
const badAgents = {
  '1.2.0-dies': () => "throw new Error('this agent cannot start');\n",
  // It starts, says nothing, and never ends by itself.
  '1.3.0-mute': () => 'setInterval(() => undefined, 1000);\n',
} as const;

const complete = (view: DeviceView) => view.missing.length === 0 && view.completeness === 1;

describe('a card in a machine', () => {
  it.each(Object.keys(kinds) as Format[])(
    'installs itself by %s, and loses nothing: power cut, upgrades',
    // The first run makes the guest.
    { timeout: 180 * minute },
    async (format) => {
      const story = tellStory(format);
      const folder = await tempDir();
      const { card, plant, token } = await story.step('image, gateway, release and flash', () =>
        prepare(format, folder, story),
      );
      const console = join(folder, 'console.log');
      writeFileSync(console, '');
      let machine: Machine | undefined;
      onTestFinished(() => machine?.kill9());
      onTestFailed(async () => {
        process.stderr.write(await lastWords(console, card, machine));
      });
      const boot = () => card.boot({ name: format, console, forwards: plant.forwards });

      expect(card.holds(token)).toBe(true);
      if (format === 'firstrun') {
        await story.step('first boot: the script of the card, then the machine starts anew', async () => {
          machine = await boot();
          await machine.off(bootMs);
          expect(await card.read('cmdline.txt')).not.toContain('systemd.run');
        });
      }
      const first = await story.step('first boot to first telemetry', async () => {
        machine = await boot();
        const told = await plant.operate(
          ['device', 'wait', 'plant1/pi-07', '--timeout', `${bootMs / minute}m`],
          2 * bootMs,
        );
        for (const line of told.stderr.trim().split('\n')) story.note(`device wait: ${line}`);
        return plant.until('its heartbeat', bootMs, ({ received, online }) => online && received! > 0);
      });
      await story.step('secrets leave the card', async () => {
        await machine!.shell.run('until [ -e /boot/firmware/fieldline/installed.txt ]; do sleep 1; done; sync', bootMs);
        await plant.until('twenty packs', bootMs, ({ received }) => received! >= 20);
      });
      story.note(
        await machine!.shell.run('systemd-analyze; systemd-analyze security --no-pager fieldline-edge | tail -n 1'),
      );

      const before = await story.step('power cut', async () => {
        const known = (await plant.device())!;
        await machine!.kill9();
        return known;
      });
      const files = await card.files();
      expect(files).toContain('fieldline/installed.txt');
      expect(files.filter((path) => path.includes('secrets'))).toEqual([]);
      expect(card.holds(token)).toBe(false);
      expect(before.epoch).toBe(first.epoch);

      const after = await story.step('second boot to telemetry without a gap', async () => {
        machine = await boot();
        return plant.until('as many again', bootMs, (view) => view.lastSeq! >= before.lastSeq! + 20 && complete(view));
      });
      expect(after.epoch).toBe(first.epoch);
      story.note(`packs before the power cut: ${before.received}, after it: ${after.received}, none missing`);

      const good = await story.step('an upgrade is confirmed', () => rollOut(plant, '1.1.0'));
      expect(good).toMatchObject({ status: 'done', devices: [{ state: 'complete' }] });
      const upgraded = await plant.until('1.1.0 sends', bootMs, (view) => view.version === '1.1.0' && complete(view));

      for (const bad of Object.keys(badAgents)) {
        const view = await story.step(`${bad} is rolled back`, () => rollOut(plant, bad));
        story.note(`${view.status}: ${view.reason}; the device says: ${view.devices[0]!.reason}`);
        expect(view).toMatchObject({ status: 'failed', devices: [{ state: 'failed' }] });
        const seen = await plant.device();
        await plant.until('1.1.0 goes on', bootMs, (view) => {
          return view.version === '1.1.0' && view.lastSeq! > seen!.lastSeq! + 5 && complete(view);
        });
      }
      const last = (await plant.device())!;
      expect(last.epoch).toBe(upgraded.epoch);
      story.note(`packs in the end: ${last.received}, none missing, one epoch`);
      await story.step('switched off', async () => {
        await machine!.shell.run('systemctl poweroff');
        await machine!.off(5 * minute);
      });
    },
  );
});

interface Prepared {
  readonly plant: Plant;
  readonly card: Card;
  /** What no one may find on the card afterwards. */
  readonly token: Buffer;
}

/** As a person would: an image, keys, a release, an identity, a card. */
async function prepare(format: Format, folder: string, story: Story): Promise<Prepared> {
  const { suite, option, make }: Kind = kinds[format];
  const guest = await ensureGuest(suite, story.note);
  const image = join(folder, 'raspios.img');
  await makeCardImage({ guest, format, path: image, folder });
  const plant = await startPlant(join(folder, 'plant'));
  onTestFinished(() => plant.stop());
  await plant.fieldline(['release', 'keygen']);
  await plant.fieldline(['release', 'build', '--arch', 'arm64', '--version', '1.0.0'], 20 * minute);
  await makeReleases(plant);
  const token = (await plant.operate(make)).stdout.trim();
  writeFileSync(join(plant.folder, 'identity.token'), token, { mode: 0o600 });
  writeFileSync(join(plant.folder, 'sensors.yaml'), '- driver: host\n  intervalMs: 1s\n');
  const out = join(folder, 'pi-07.img');
  await story.step('fieldline flash', () =>
    plant.fieldline(
      [
        ...['flash', '--image', image, '--out', out, '--site', 'plant1', '--device', 'pi-07'],
        ...['--gateway', plant.gateway, '--ca', 'fieldline-ca/authority.cert.pem', option, 'identity.token'],
        ...['--sensors', 'sensors.yaml', '--release', 'releases/1.0.0', '--release-key', 'release-key.pub.pem'],
      ],
      20 * minute,
    ),
  );
  return { plant, card: openCard(out, folder), token: Buffer.from(token) };
}

/** A good one, whose program is another, and the bad ones. */
async function makeReleases(plant: Plant): Promise<void> {
  const [releases, key] = [join(plant.folder, 'releases'), join(plant.folder, 'release-key.pem')];
  const alter = (version: string, agent: (code: string) => string) =>
    alterRelease(releases, key, { from: '1.0.0', version, agent });
  await alter('1.1.0', (code) => `${code}\n// Another one.\n`);
  for (const [version, agent] of Object.entries(badAgents)) await alter(version, agent);
}

/** Resolves with how the rollout of a version to the device ended. */
async function rollOut(plant: Plant, version: string): Promise<RolloutView> {
  const args = ['fleet', 'rollout', version, '--stages', '100%', '--trial', '2m', '--wait', '--json'];
  // A rollout that stops is told by exit code 1.
  return lastJson<RolloutView>(await plant.operate(args, bootMs, [0, 1]));
}

/** What there is to know of a machine that did not do what it should. */
async function lastWords(console: string, card: Card, machine: Machine | undefined): Promise<string> {
  const asked = machine?.running()
    ? [machine.shell.run('journalctl -u fieldline-edge --no-pager | tail -n 60', minute)]
    : [];
  const told = [card.read('fieldline/install.log'), card.read('cmdline.txt'), ...asked];
  const texts = await Promise.all(told.map((text) => text.catch(String)));
  const lines = existsSync(console) ? readFileSync(console, 'utf8').split('\n').slice(-200) : [];
  return ['', '--- console:', ...lines, '--- install.log, cmdline.txt, journal:', ...texts, ''].join('\n');
}
