import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { releaseManifestSchema, type ReleaseManifest, type SignedRelease } from '#core/contract/release.js';
import { FatalError } from '#core/runtime/errors.js';
import type { BootFile } from '../image/boot-partition.js';

/** What the device shows at the gateway. Secrets, deleted from the card by the installer. */
export type InstallIdentity =
  | { readonly kind: 'enrolment'; readonly token: string }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'certificate'; readonly cert: string; readonly key: string };

/** What `install.sh` finds beside itself, on a card, in a Debian package or in a folder sent by ssh. */
export interface InstallSetup {
  readonly release: SignedRelease;
  /** Archives of the release, by the sha256 in its manifest. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
  /** PEM, SPKI: whose releases the agent takes from now on. */
  readonly releaseKey: string;
  /** `edge.yaml`, whole; it names files below /etc/fieldline and /var/lib/fieldline and holds no secret. */
  readonly edgeYaml: string;
  /** PEM of the gateway's authority. */
  readonly ca?: string;
  readonly identity?: InstallIdentity;
}

/** A folder `fieldline/`, with `SHA256SUMS` of all its files; the same setup gives the same bytes. */
export type InstallFiles = (setup: InstallSetup) => readonly BootFile[];

const scripts = ['install.sh', 'uninstall.sh', 'fieldline-edge.service', 'fieldline-install.service'] as const;

/** Throws FatalError `bad-config` if a part is missing or is not what the manifest says. */
export const installFiles: InstallFiles = (setup) => {
  const manifest = releaseManifestSchema.parse(JSON.parse(setup.release.signed));
  const files = [
    ...scripts.map((name) => ({ path: name, bytes: readFileSync(new URL(`./${name}`, import.meta.url)) })),
    text('release.json', JSON.stringify(setup.release)),
    text('release.txt', releaseText(manifest)),
    ...manifest.parts.map(({ sha256 }) => ({ path: `parts/${sha256}`, bytes: partOf(setup, sha256), sha256 })),
    text('etc/edge.yaml', setup.edgeYaml),
    text('etc/release-key.pem', setup.releaseKey),
    ...(setup.ca === undefined ? [] : [text('etc/ca.pem', setup.ca)]),
  ];
  const secrets = secretFiles(setup.identity);
  return [
    ...files,
    sums('SHA256SUMS', files),
    ...secrets,
    ...(secrets.length === 0 ? [] : [sums('secrets/SHA256SUMS', secrets)]),
  ].map((file) => ({ ...file, path: `fieldline/${file.path}` }));
};

function text(path: string, content: string): BootFile {
  return { path, bytes: Buffer.from(content.endsWith('\n') ? content : `${content}\n`) };
}

/** The manifest as a shell reads it. Its values are names and digits by their schema. */
function releaseText({ version, arch, nodeVersion, parts }: ReleaseManifest): string {
  const lines = [`version ${version}`, `arch ${arch}`, `node ${nodeVersion}`];
  for (const { name, sha256, unpackedBytes } of parts) lines.push(`${name} ${sha256} ${unpackedBytes}`);
  return lines.join('\n');
}

/** Archives that were hashed before: a batch plans every card with the same ones. */
const hashes = new WeakMap<Uint8Array, string>();

function partOf({ parts }: InstallSetup, sha256: string): Uint8Array {
  const bytes = parts.get(sha256);
  if (bytes === undefined) throw new FatalError('bad-config', `part ${sha256} of the release is missing`);
  const actual = hashes.get(bytes) ?? hashOf(bytes);
  hashes.set(bytes, actual);
  if (actual !== sha256) throw new FatalError('bad-config', `part ${sha256} of the release has other bytes`);
  return bytes;
}

/** Apart from the others and with sums of their own, so that both go together. */
function secretFiles(identity: InstallIdentity | undefined): BootFile[] {
  switch (identity?.kind) {
    case undefined:
      return [];
    case 'enrolment':
      return [text('secrets/enrol-token', identity.token)];
    case 'token':
      return [text('secrets/token', identity.token)];
    case 'certificate':
      return [text('secrets/device.pem', identity.cert), text('secrets/device-key.pem', identity.key)];
  }
}

/** As `sha256sum` writes and checks them, relative to the folder that holds the list. */
function sums(path: string, files: readonly BootFile[]): BootFile {
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const lines = files.map((file) => `${file.sha256 ?? hashOf(file.bytes)}  ${file.path.slice(folder.length)}`);
  return text(path, lines.join('\n'));
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
