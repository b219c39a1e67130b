import { ContractError } from '#core/contract/contract-error.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError, RetryableError } from '#core/runtime/errors.js';
import type { DoorAnswer, DoorRequest, HttpDoor } from '#core/runtime/http-door.js';
import { isOperator } from '#core/runtime/operator-token.js';
import type { AuditNote, AuditSink } from './audit/audit.js';

export interface OperatorDoorOptions {
  /** The secret of the operator's token. */
  readonly secret: Uint8Array;
  readonly audit: AuditSink;
  readonly clock: Clock;
}

/** What an operator asks, once it is known that it is one. */
export interface OperatorRequest extends DoorRequest {
  /** What the groups of the pattern caught. */
  readonly groups: readonly (string | undefined)[];
}

/** Answered with its status and sentence; a refusal of something asked is audited. */
export class DoorFault extends Error {
  override readonly name = 'DoorFault';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The log may be away for long; whoever asks is told after this. */
const patienceMs = 15_000;

/** A door that opens to the operator's token only, tells faults as answers, and keeps an account of what was asked. */
export abstract class OperatorDoor implements HttpDoor {
  abstract readonly maxBodyBytes: number;
  protected abstract readonly pattern: RegExp;

  constructor(private readonly seams: OperatorDoorOptions) {}

  opens(path: string): boolean {
    return this.pattern.test(path);
  }

  async answer(request: DoorRequest): Promise<DoorAnswer> {
    if (!isOperator(this.seams.secret, request.authorization)) {
      return fault(401, 'this takes the token of the operator');
    }
    const [, ...groups] = this.pattern.exec(request.url.pathname)!;
    try {
      return await this.reply({ ...request, groups });
    } catch (error) {
      if (error instanceof DoorFault) return fault(error.status, error.message);
      if (error instanceof ContractError) return fault(400, error.message);
      throw error;
    }
  }

  protected abstract reply(request: OperatorRequest): Promise<DoorAnswer>;

  /** Does what was asked, and notes who asked and what became of it. Throws DoorFault where the log does not take it. */
  protected async act<T>(
    { address }: DoorRequest,
    { what, target, detail }: Pick<AuditNote, 'what' | 'target' | 'detail'>,
    work: () => Promise<T>,
  ): Promise<T> {
    const note = (outcome: AuditNote['outcome'], why?: string) => {
      const said = why ?? detail;
      const entry = {
        who: 'operator',
        what,
        target,
        outcome,
        ...(address && { address }),
        ...(said && { detail: said }),
      };
      this.seams.audit.note(entry);
    };
    try {
      const result = await this.inTime(work());
      note('done');
      return result;
    } catch (error) {
      note(error instanceof DoorFault && error.status < 500 ? 'refused' : 'failed', messageOf(error));
      if (error instanceof DoorFault || error instanceof ContractError) throw error;
      const isKnown = error instanceof RetryableError || error instanceof RejectedError;
      if (isKnown && error.code === 'over-budget') throw new DoorFault(429, error.message);
      throw new DoorFault(503, `the log did not take it: ${messageOf(error)}`);
    }
  }

  private async inTime<T>(work: Promise<T>): Promise<T> {
    const done = new AbortController();
    const late = this.seams.clock.sleep(patienceMs, done.signal).then(() => {
      throw new DoorFault(504, 'the log has not answered yet, and may still take it: look again before you repeat it');
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      done.abort();
      late.catch(() => undefined);
    }
  }
}

function fault(status: number, error: string): DoorAnswer {
  return { status, body: { error } };
}
