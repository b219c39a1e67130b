import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';
import { endWith, type DoorAnswer } from '#core/runtime/http-door.js';
import { isOperator } from '#core/runtime/operator-token.js';
import type { PartSender } from './part-sender.js';
import type { ReleaseFolder } from './release-folder.js';

export interface PartsDoorOptions {
  readonly folder: Pick<ReleaseFolder, 'putPart'>;
  readonly sender: PartSender;
  /** An upload that does not move for so long ends. */
  readonly stallMs: number;
  /** The secret of the operator's token. */
  readonly secret: Uint8Array;
}

const pattern = /^\/api\/v1\/releases\/parts\/([0-9a-f]{64})$/;
/** Each writes to the disk for as long as it lasts. */
const maxUploads = 4;

/**
 * Parts of releases as they come and go, none of them held in memory: `PUT /api/v1/releases/parts/<sha256>` brings one and
 * takes the operator's token; `/releases/<sha256>` is for everybody.
 */
export class PartsDoor {
  private uploads = 0;

  constructor(private readonly options: PartsDoorOptions) {}

  /** Takes a request and ends it; false if it is none of these. */
  stream(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
    const { sender } = this.options;
    if (sender.opens(url.pathname)) {
      void sender.answer(request, response, url);
      return true;
    }
    const sha256 = pattern.exec(url.pathname)?.[1];
    if (sha256 === undefined || request.method !== 'PUT') return false;
    void this.take(request, sha256).then((answer) => {
      // What was not read yet would be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      endWith(response, answer);
    });
    return true;
  }

  private async take(request: IncomingMessage, sha256: string): Promise<DoorAnswer> {
    const { folder, secret, stallMs } = this.options;
    if (!isOperator(secret, request.headers.authorization)) return told(401, 'this takes the token of the operator');
    if (this.uploads >= maxUploads) return told(503, 'too many parts are being brought: come back');
    this.uploads += 1;
    request.setTimeout(stallMs, () => request.destroy());
    try {
      const bytes = await folder.putPart(sha256, request as AsyncIterable<Uint8Array>);
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
