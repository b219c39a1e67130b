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
import { messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';
import { endWith, type DoorAnswer } from '#core/runtime/http-door.js';
import { isOperator } from '#core/runtime/operator-token.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import type { PartSender } from './part-sender.js';
import type { KeptRelease, ReleaseFolder } from './release-folder.js';

export interface ReleasesDoorOptions extends OperatorDoorOptions {
  readonly folder: ReleaseFolder;
  readonly sender: PartSender;
  readonly stallMs: number;
}

const partPattern = /^\/api\/v1\/releases\/parts\/([0-9a-f]{64})$/;
/** Each writes to the disk for as long as it lasts. */
const maxUploads = 4;

/**
 * `GET /api/v1/releases` lists the releases that are here; `PUT /api/v1/releases/parts/<sha256>` brings a part, and `PUT
 * /api/v1/releases/<version>/<arch>` the signed manifest of parts that are here. These take the operator's token; the parts
 * themselves, `/releases/<sha256>`, are for everybody.
 */
export class ReleasesDoor extends OperatorDoor {
  // The signed text once more in JSON, whose escapes may double it, and a signature.
  readonly maxBodyBytes = 2 * maxManifestBytes + 1024;
  protected readonly pattern = /^\/api\/v1\/releases(?:\/([^/]+)\/([^/]+))?$/;
  private uploads = 0;

  constructor(private readonly options: ReleasesDoorOptions) {
    super(options);
  }

  stream(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
    if (this.options.sender.opens(url.pathname)) {
      void this.options.sender.answer(request, response, url);
      return true;
    }
    const sha256 = partPattern.exec(url.pathname)?.[1];
    if (sha256 === undefined || request.method !== 'PUT') return false;
    void this.take(request, sha256).then((answer) => {
      // What was not read yet would be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      endWith(response, answer);
    });
    return true;
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

  private async take(request: IncomingMessage, sha256: string): Promise<DoorAnswer> {
    if (!isOperator(this.options.secret, request.headers.authorization))
      return told(401, 'this takes the token of the operator');
    if (this.uploads >= maxUploads) return told(503, 'too many parts are being brought: come back');
    this.uploads += 1;
    request.setTimeout(this.options.stallMs, () => request.destroy());
    try {
      const bytes = await this.options.folder.putPart(sha256, request as AsyncIterable<Uint8Array>);
      return { status: 200, body: { sha256, bytes } };
    } catch (error) {
      if (error instanceof RejectedError) return told(error.code === 'too-large' ? 413 : 422, error.message);
      if (error instanceof RetryableError) return told(507, error.message);
      return told(500, messageOf(error));
    } finally {
      this.uploads -= 1;
    }
  }
}

function told(status: number, error: string): DoorAnswer {
  return { status, body: { error } };
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
