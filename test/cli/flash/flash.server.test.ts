import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, watch } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestFile } from '../../../edge/image/card/digest-file.js';
import type { CardManifest } from '../../../edge/image/flash/card-manifest.js';
import { ensureServer } from '../../servers/ensure.js';
import { runCommand } from '../../servers/run-command.js';
import { SmallDisk } from '../../edge/outbox/small-disk.js';
import { bootStartBytes, mebibyte } from '../../support/card-image.js';
import { fieldline } from '../../support/fieldline.js';
import {
  deviceSecret,
  likeFlashFolder,
  makeFlashFolder,
  runFlash,
  trixie,
  wifiPassword,
  type FlashFolder,
} from '../../support/flash-folder.js';
import { treeOf } from '../../support/card.js';
import { tempDir } from '../../support/temp-dir.js';

const bootBytes = 36 * mebibyte;
let mcopy: { path: string; env: Readonly<Record<string, string>> };
let fsck: { path: string; env: Readonly<Record<string, string>> };

let made: FlashFolder;
let madeIn: string;

beforeAll(async () => {
  [mcopy, fsck] = await Promise.all([ensureServer('mtools'), ensureServer('dosfstools')]);
  madeIn = await mkdtemp(join(tmpdir(), 'fieldline-flash-'));
  made = await makeFlashFolder(madeIn);
});

afterAll(() => rm(madeIn, { recursive: true, force: true }));

/** A folder for one test, with all that a card is made of. */
async function newFolder(): Promise<FlashFolder> {
  return likeFlashFolder(made, await tempDir());
}

/** What mtools finds in the boot partition of an image; fsck.fat finds nothing wrong with it. */
async function readCard(image: string): Promise<Record<string, string>> {
  const folder = await tempDir();
  const fat = join(folder, 'boot.fat');
  const handle = await open(image);
  const bytes = Buffer.alloc(bootBytes);
  await handle.read(bytes, 0, bootBytes, bootStartBytes);
  await handle.close();
  await writeFile(fat, bytes);
  await runCommand(fsck.path, ['-n', fat], { withinMs: 30_000, env: fsck.env });
  const out = join(folder, 'out');
  await mkdir(out);
  await runCommand(mcopy.path, ['-s', '-Q', '-i', fat, '::/', out], { withinMs: 30_000, env: mcopy.env });
  const tree = await treeOf(out);
  const files = Object.entries(tree).filter(([, entry]) => !entry.endsWith(' folder') && !entry.startsWith('->'));
  return Object.fromEntries(
    files.map(([path, entry]) => [path, Buffer.from(entry.slice(entry.indexOf(' ') + 1), 'base64').toString('latin1')]),
  );
}

const card = ['--device', 'pi-07'];

function withToken({ words, file }: FlashFolder): string[] {
  return [...words, ...card, '--token-file', file('pi.token')];
}

function withAuthority({ words, file }: FlashFolder): string[] {
  const authority = ['authority.cert.pem', 'authority.key.pem'].map((name) => file(`authority/${name}`));
  return [...words, '--sign-with', authority.join(',')];
}

it('makes one card that code of others reads: files, secrets, and nothing else changed', async () => {
  const folder = await newFolder();
  const out = folder.file('pi-07.img');
  const system = [
    ...['--wifi-ssid', 'Halle', '--wifi-password-file', '-', '--wifi-country', 'DE', '--timezone', 'Europe/Berlin'],
    ...['--user', 'pi', '--ssh-key', folder.file('id.pub'), '--enable', 'i2c', '--label', 'line=3'],
    ...['--address', '10.0.0.7/24', '--router', '10.0.0.1'],
  ];
  const words = [...withToken(folder), ...system, '--out', out, '--verify', '--json'];
  const { code, stdout, stderr } = await runFlash(words, { stdin: `${wifiPassword}\n` });
  expect(stderr).toContain('for arm64 (its only kernel is kernel8.img)');
  expect(code).toBe(0);
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  const files = await readCard(out);
  expect(files['fieldline/secrets/token']).toBe(`${deviceSecret}\n`);
  expect(files['fieldline/etc/edge.yaml']).toContain('url: mqtts://gw.example:8883');
  expect(files['fieldline/etc/edge.yaml']).toContain('line: "3"');
  expect(files['fieldline/etc/ca.pem']).toBe(await readFile(folder.file('ca.pem'), 'utf8'));
  expect(files['user-data']).toContain('/boot/firmware/fieldline/install.sh');
  expect(files['network-config']).not.toContain(wifiPassword);
  expect(files['network-config']).toMatch(/password: "?[0-9a-f]{64}"?/);
  expect(files['cmdline.txt.orig']).toContain('root=PARTUUID=12345678-02');
  expect(files['config.txt']).toContain('dtparam=i2c_arm=on');
  expect(files['kernel8.img']).toBe(trixie.files!.find(({ path }) => path === 'kernel8.img')!.bytes.toString());
  expect(files['overlays/w1-gpio.dtbo']).toBe('overlay');
  for (const said of [stdout, stderr]) {
    for (const secret of [deviceSecret, wifiPassword, /[0-9a-f]{64}/.exec(files['network-config']!)![0]])
      expect(said).not.toContain(secret);
  }
  const [record] = (JSON.parse(stdout) as CardManifest).cards;
  expect(record).toMatchObject({ device: 'pi-07', labels: { line: '3' }, identity: { kind: 'token' } });
  expect(record!.files.find(({ path }) => path === 'fieldline/secrets/token')).not.toHaveProperty('sha256');
  expect(record!.files.find(({ path }) => path === 'network-config')).not.toHaveProperty('sha256');
  // Behind the boot partition nothing is another.
  const [made, base] = await Promise.all([readFile(out), readFile(folder.file('base.img'))]);
  expect(made.subarray(bootStartBytes + bootBytes).equals(base.subarray(bootStartBytes + bootBytes))).toBe(true);
  expect(made.subarray(0, bootStartBytes).equals(base.subarray(0, bootStartBytes))).toBe(true);
});

it('makes the same bytes of the same inputs, packed or not, alone or as one of many', async () => {
  const folder = await newFolder();
  const outs = ['one.img', 'two.img', 'three.img'].map(folder.file);
  const password = { environment: { 'password-file': 'hunter2-hunter2' } };
  for (const [i, out] of outs.entries()) {
    const words = [...withToken(folder), '--user', 'pi', '--out', out];
    const image = i === 2 ? ['--image', folder.file('base.img')] : [];
    expect((await runFlash([...words, ...image], password)).code).toBe(0);
  }
  const [one, two, three] = await Promise.all(outs.map((out) => readFile(out)));
  expect(one!.equals(two!)).toBe(true);
  expect(one!.equals(three!)).toBe(true);
  const table = ['pi-07', 'pi-08'].map((device) => `${device},${folder.file(`${device}.token`)}`);
  for (const device of ['pi-07', 'pi-08']) await writeFile(folder.file(`${device}.token`), `${deviceSecret}\n`);
  await writeFile(folder.file('fleet.csv'), ['device,token-file', ...table].join('\n'));
  const batch = ['--batch', folder.file('fleet.csv'), '--out', folder.file('cards'), '--sha256', '--json'];
  const { stdout } = await runFlash([...folder.words, '--user', 'pi', ...batch], password);
  const { cards } = JSON.parse(stdout) as CardManifest;
  expect((await readFile(folder.file('cards/plant1_pi-07.img'))).equals(one!)).toBe(true);
  expect(cards[0]).toMatchObject({
    sha256: createHash('sha256').update(one!).digest('hex'),
    fsverity: await digestFile(outs[0]!),
  });
  expect((await readCard(outs[0]!))['user-data']).toMatch(/hashed_passwd: .?\$6\$[0-9a-f]{16}\$/);
});

describe('a batch', () => {
  const table = 'device,address,router,label:line\npi-01,10.0.0.1/24,10.0.0.254,1\npi-02,10.0.0.2/24,10.0.0.254,2\n';

  it('makes a card with an identity of its own for each line, and goes on where it was', async () => {
    const folder = await newFolder();
    const [fleet, out] = [folder.file('fleet.csv'), folder.file('cards')];
    await writeFile(fleet, table);
    const words = [...withAuthority(folder), '--batch', fleet, '--out', out];
    expect((await runFlash(words)).stdout).toContain('fieldline-cards.json: 2 cards');
    const manifest = async () => JSON.parse(await readFile(join(out, 'fieldline-cards.json'), 'utf8')) as CardManifest;
    const first = await manifest();
    expect(first.cards.map(({ file }) => file)).toEqual(['plant1_pi-01.img', 'plant1_pi-02.img']);
    for (const { file, device, identity, address } of first.cards) {
      const files = await readCard(join(out, file));
      const certificate = new X509Certificate(files['fieldline/secrets/device.pem']!);
      expect(certificate.subject).toBe(`CN=plant1/${device}`);
      expect(identity).toMatchObject({ kind: 'certificate', fingerprint256: certificate.fingerprint256 });
      expect(files['network-config']).toContain(address);
    }
    expect(JSON.stringify(first)).not.toContain('PRIVATE KEY');
    // One is lost, one stays with its identity, one is new.
    await rm(join(out, 'plant1_pi-01.img'));
    await writeFile(fleet, `${table}pi-03,10.0.0.3/24,10.0.0.254,3\n`);
    const again = await runFlash([...words, '--json']);
    expect(again.stderr).toContain('plant1_pi-02.img is there already');
    const second = await manifest();
    expect(JSON.parse(again.stdout)).toEqual(second);
    expect(second.cards.map(({ device }) => device)).toEqual(['pi-01', 'pi-02', 'pi-03']);
    expect(second.cards[1]).toEqual(first.cards[1]);
    expect(second.cards[0]!.identity).not.toEqual(first.cards[0]!.identity);
    // A line that says something else makes another card, which may not take the place of the old one unasked.
    await writeFile(fleet, table.replace(',2\n', ',5\n'));
    expect(await runFlash(words)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('pi-02.img exists already'),
    });
    expect((await runFlash([...words, '--yes'])).code).toBe(0);
    const third = await manifest();
    expect(third.cards.map(({ device, labels }) => [device, labels.line])).toEqual([
      ['pi-01', '1'],
      ['pi-02', '5'],
    ]);
    // The unpacked image is gone.
    expect((await folder.names()).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('writes nothing where a line is bad', async () => {
    const folder = await newFolder();
    await writeFile(folder.file('fleet.csv'), `${table}pi 03,,,\n`);
    const words = [...withAuthority(folder), '--batch', folder.file('fleet.csv'), '--out', folder.file('cards')];
    const { code, stderr } = await runFlash(words);
    expect([code, existsSync(folder.file('cards'))]).toEqual([2, false]);
    expect(stderr).toContain('fleet.csv:4: device: a name starts with');
  });
});

describe('what goes wrong leaves nothing behind', () => {
  it('kill -9 while it writes', async () => {
    const folder = await newFolder();
    const out = folder.file('pi-07.img');
    const words = [...withToken(folder), '--out', out];
    const before = await folder.names();
    const watcher = watch(folder.path);
    const begun = new Promise<void>((resolve) => {
      watcher.on('change', (_, name) => (String(name) === 'pi-07.img.partial' ? resolve() : undefined));
    });
    const child = spawn(process.execPath, [fieldline, 'flash', ...words], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await begun;
    child.kill('SIGKILL');
    await ended;
    watcher.close();
    expect(existsSync(out)).toBe(false);
    // The next one does what this one did not, and tidies up.
    expect((await runFlash(words)).code).toBe(0);
    expect(await folder.names()).toEqual([...before, 'pi-07.img'].sort());
    await readCard(out);
  });

  it('kill -9 in the middle of a batch: what is made stays made', async () => {
    const folder = await newFolder();
    const [fleet, out] = [folder.file('fleet.csv'), folder.file('cards')];
    await writeFile(fleet, 'device\npi-01\npi-02\npi-03\npi-04\n');
    await mkdir(out);
    const words = [...withAuthority(folder), '--batch', fleet, '--out', out];
    const watcher = watch(out);
    // Two are made at once: one of the first is there by then, and the last is not begun.
    const begun = new Promise<void>((resolve) => {
      watcher.on('change', (_, name) => (String(name) === 'plant1_pi-03.img.partial' ? resolve() : undefined));
    });
    const child = spawn(process.execPath, [fieldline, 'flash', ...words], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await begun;
    child.kill('SIGKILL');
    await ended;
    watcher.close();
    const { code, stderr } = await runFlash(words);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/plant1_pi-0[12]\.img is there already/)]);
    expect((await readdir(out)).sort()).toEqual([
      'fieldline-cards.json',
      ...['plant1_pi-01.img', 'plant1_pi-02.img', 'plant1_pi-03.img', 'plant1_pi-04.img'],
    ]);
  });

  it('an image that is cut short', async () => {
    const folder = await newFolder();
    await truncate(folder.file('base.img.gz'), 3000);
    const before = await folder.names();
    const { code, stderr } = await runFlash([...withToken(folder), '--out', folder.file('pi-07.img')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/base\.img\.gz/);
    expect(await folder.names()).toEqual(before);
  });

  it('an image whose end is damaged', async () => {
    const folder = await makeFlashFolder(await tempDir(), { ...trixie, rootMiB: 40 });
    // Behind the boot partition, so that only the copy meets it.
    const handle = await open(folder.file('base.img.gz'), 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(4, 0x55), 0, 4, size - 8);
    await handle.close();
    const before = await folder.names();
    const { code, stderr } = await runFlash([...withToken(folder), '--out', folder.file('pi-07.img')]);
    expect([code, await folder.names()]).toEqual([1, before]);
    expect(stderr).toMatch(/base\.img\.gz/);
  });

  it('no room on the disk, a disk that is read-only, a folder that is not there', async (context) => {
    const folder = await newFolder();
    const to = (out: string) => runFlash([...withToken(folder), '--image', folder.file('base.img'), '--out', out]);
    const missing = await to(folder.file('nowhere/pi.img'));
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('make the folder first') });
    const disk = SmallDisk.mount(100 * 1024);
    if (!disk) return context.skip('this process may not mount');
    try {
      const full = await to(join(disk.path, 'pi.img'));
      expect(full).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/no space left for .*pi\.img: make room there/),
      });
      expect(existsSync(join(disk.path, 'pi.img.partial'))).toBe(false);
      await runCommand('mount', ['-o', 'remount,ro', disk.path], { withinMs: 10_000 });
      const readOnly = await to(join(disk.path, 'pi.img'));
      expect(readOnly).toMatchObject({ code: 1, stderr: expect.stringContaining('that file system is read-only') });
    } finally {
      disk.unmount();
    }
  });
});

describe('before anything is written', () => {
  it('tells what would be written, with --dry-run', async () => {
    const folder = await newFolder();
    const before = await folder.names();
    const words = [...withAuthority(folder), ...card, '--out', folder.file('pi-07.img'), '--dry-run'];
    const text = await runFlash(words);
    expect(text.stdout).toMatch(/\d+ {2}fieldline\/secrets\/device-key\.pem {2}\(secret\)/);
    const { stdout } = await runFlash([...words, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      dryRun: true,
      release: { version: '1.0.0', arch: 'arm64' },
      cards: [{ device: 'plant1/pi-07', firstBoot: 'cloud-init', identity: { kind: 'certificate' } }],
    });
    expect(await folder.names()).toEqual(before);
  });

  it('refuses what cannot be', async () => {
    const folder = await newFolder();
    const out = ['--out', folder.file('pi-07.img')];
    const cases: readonly (readonly [words: string[], code: number, sentence: string])[] = [
      [[...folder.words, ...out], 2, '--device: is missing'],
      [
        [...withToken(folder), ...out, '--wifi-password', wifiPassword],
        2,
        'every user of this machine can read arguments',
      ],
      [
        [...withToken(folder), ...out, '--arch', 'armv7l'],
        2,
        'is for arm64 (its only kernel is kernel8.img), not for armv7l',
      ],
      [[...withToken(folder), ...out, '--ca', folder.file('authority/authority.key.pem')], 2, 'belongs on no device'],
      [[...withToken(folder), ...out, '--gateway', 'mqtt://gw'], 2, 'would send the token in the clear'],
      [
        [...withToken(folder), ...out, '--release', folder.file('releases/9.9.9')],
        2,
        'has no 9.9.9 for arm64 of this key',
      ],
      [[...withToken(folder), ...out, '--release-key', folder.file('none.pem')], 2, 'fieldline release keygen'],
      [[...withToken(folder), ...out, '--image', folder.file('ca.pem')], 1, 'ca.pem'],
      [[...withToken(folder), ...out, '--image-sha256', '0'.repeat(64)], 1, 'base.img.gz'],
      [[...withToken(folder), '--device-node', folder.file('base.img')], 2, 'is no block device'],
      [[...withToken(folder), ...out, '--deb'], 2, '--image is of no use here'],
      [
        [...withAuthority(folder), ...card, ...out, '--token-file', folder.file('pi.token')],
        2,
        'one identity is enough',
      ],
    ];
    for (const [words, code, sentence] of cases) {
      const end = await runFlash(words);
      expect(end.stderr).toContain(sentence);
      expect(end.stderr).not.toContain(wifiPassword);
      expect(end.code).toBe(code);
    }
    expect(existsSync(out[1]!)).toBe(false);
  });
});

it('makes a Debian package for one device, for its owner alone', async () => {
  const folder = await newFolder();
  const at = folder.words.indexOf('--image');
  const words = [...folder.words.toSpliced(at, 2), ...card, '--token-file', folder.file('pi.token'), '--arch', 'arm64'];
  const out = folder.file('pi-07.deb');
  expect(await runFlash([...words, '--deb', '--out', out])).toMatchObject({ code: 0 });
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  expect((await readFile(out)).subarray(0, 8).toString()).toBe('!<arch>\n');
  const again = await runFlash([...words, '--deb', '--out', out]);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('it is there already: --yes replaces it') });
});
