import type { KeyObject } from 'node:crypto';
import type { ReleaseArch, ReleaseManifest, SignedRelease } from '#core/contract/release.js';

/** A release in a folder of releases; see `releaseFiles`. */
export interface ReleaseOnDisk {
  readonly release: SignedRelease;
  readonly manifest: ReleaseManifest;
  /** File of the signed manifest. */
  readonly file: string;
  /** The archives, by sha256: where they lie. */
  readonly parts: ReadonlyMap<string, string>;
}

/** What is done now, for a person: one line. `fraction` from 0 to 1 where it is known. */
export type ReleaseProgress = (line: string, fraction?: number) => void;

export interface ReleaseWanted {
  readonly arch: ReleaseArch;
  /** Folder of releases; made if it is not there. */
  readonly releases: string;
  /** ed25519: signs a release that is built, and must have signed one that is there. */
  readonly privateKey: KeyObject;
  /** Default: of this Fieldline, with a hash of the agent: `0.1.0+1f2e3d4c`. */
  readonly version?: string;
  /** A Node binary, an archive with one (.tar.xz, .tar.gz, .tgz), or `system`. Default: the pinned npm package; armv7l has none. */
  readonly nodeRuntime?: string;
  /** Where runtimes are kept; default `~/.cache/fieldline`. */
  readonly cache?: string;
  /** What the manifest says of when it was built, in microseconds since the Unix epoch. Default: now. */
  readonly builtUs?: number;
  readonly progress?: ReleaseProgress;
}

/**
 * The release that is wanted, some seconds; a minute more for the first of a runtime. One that is in the folder as it would
 * be built is left as it is. Throws FatalError `bad-config` with the next step, RetryableError `unavailable` where npm cannot
 * fetch the runtime.
 */
export type ReleaseFor = (wanted: ReleaseWanted) => Promise<ReleaseOnDisk>;
