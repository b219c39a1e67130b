import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJson } from '#core/contract/alert.js';
import { ContractError } from '#core/contract/contract-error.js';
import {
  maxManifestBytes,
  releaseArchs,
  releaseVersionSchema,
  signedReleaseSchema,
  type ReleaseArch,
} from '#core/contract/release.js';
import { messageOf, RejectedError } from '#core/runtime/errors.js';
import type { DoorAnswer } from '#core/runtime/http-door.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import type { PartsDoor } from './parts-door.js';
import type { KeptRelease, ReleaseFolder } from './release-folder.js';

export interface ReleasesDoorOptions extends OperatorDoorOptions {
  readonly folder: ReleaseFolder;
  readonly parts: PartsDoor;
}

/**
 * `GET /api/v1/releases` lists the releases that are here; `PUT /api/v1/releases/parts/<sha256>` brings a part, and `PUT
 * /api/v1/releases/<version>/<arch>` the signed manifest of parts that are here. These take the operator's token; the parts
 * themselves, `/releases/<sha256>`, are for everybody.
 */
export class ReleasesDoor extends OperatorDoor {
  // The signed text once more in JSON, whose escapes may double it, and a signature.
  readonly maxBodyBytes = 2 * maxManifestBytes + 1024;
  protected readonly pattern = /^\/api\/v1\/releases(?:\/([^/]+)\/([^/]+))?$/;

  constructor(private readonly options: ReleasesDoorOptions) {
    super(options);
  }

  stream(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
    return this.options.parts.stream(request, response, url);
  }

  protected async reply(request: OperatorRequest): Promise<DoorAnswer> {
    const { method, groups } = request;
    const [version, arch] = groups.map((group) => group && plain(group));
    if (version === undefined) {
      if (method !== 'GET') throw new DoorFault(405, 'only GET');
      return { status: 200, body: { releases: (await this.options.folder.list()).map(viewOf) } };
    }
    if (!releaseVersionSchema.safeParse(version).success || !isArch(arch))
      throw new DoorFault(404, 'no such release can be');
    if (method === 'PUT') return this.put(request, version, arch);
    if (method === 'DELETE') return this.remove(request, version, arch);
    if (method !== 'GET') throw new DoorFault(405, 'only GET, PUT and DELETE');
    const kept = await this.options.folder.get(version, arch);
    if (!kept) throw new DoorFault(404, `no ${version} for ${arch} is here`);
    return { status: 200, body: { ...viewOf(kept), release: kept.release } };
  }

  private async put(request: OperatorRequest, version: string, arch: ReleaseArch): Promise<DoorAnswer> {
    const release = parseJson(request.body, signedReleaseSchema, 'release');
    const note = { what: 'release', target: `${version}-${arch}`, detail: 'brought here' } as const;
    await this.act(request, note, async () => {
      try {
        await this.options.folder.put(release, version, arch);
      } catch (error) {
        if (error instanceof RejectedError) throw new DoorFault(409, error.message);
        if (error instanceof ContractError) throw error;
        throw new DoorFault(507, messageOf(error));
      }
    });
    return { status: 200, body: { version, arch } };
  }

  private async remove(request: OperatorRequest, version: string, arch: ReleaseArch): Promise<DoorAnswer> {
    const note = { what: 'release', target: `${version}-${arch}`, detail: 'removed' } as const;
    await this.act(request, note, async () => {
      if (!(await this.options.folder.remove(version, arch)))
        throw new DoorFault(404, `no ${version} for ${arch} is here`);
    });
    return { status: 200, body: { version, arch } };
  }
}

/** A version may hold a `+`, which some write as `%2B`. */
function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isArch(text: string | undefined): text is ReleaseArch {
  return (releaseArchs as readonly (string | undefined)[]).includes(text);
}

function viewOf({ manifest, complete }: KeptRelease): object {
  const { version, arch, builtUs, nodeVersion, parts } = manifest;
  return { version, arch, builtUs, nodeVersion, parts, complete };
}
