import type { SignedRelease } from '#core/contract/release.js';
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
