import { z } from 'zod';
import { parseJson } from '#core/contract/alert.js';
import type { DoorAnswer, DoorRequest } from '#core/runtime/http-door.js';
import { DoorFault, OperatorDoor, type OperatorDoorOptions, type OperatorRequest } from '../operator-door.js';
import { letterOf, letterStates } from './letter.js';
import type { LetterIndex } from './letter-index.js';
import type { Replayer, ReplayResult } from './replayer.js';

export interface DeadLetterDoorOptions extends OperatorDoorOptions {
  readonly index: LetterIndex;
  readonly replayer: Replayer;
}

/** Letters of one request: what is answered before a client grows impatient. */
export const maxReplayed = 100;

const querySchema = z.object({
  reason: z.string().max(64).optional(),
  device: z.string().max(200).optional(),
  stage: z.string().max(32).optional(),
  sinceUs: z.coerce.number().int().optional(),
  state: z.enum([...letterStates, 'all']).default('all'),
  limit: z.coerce.number().int().min(1).max(10_000).default(50),
});
const replaySchema = z.strictObject({
  letters: z.array(z.string().max(32)).min(1).max(maxReplayed),
  dryRun: z.boolean().default(false),
});

/**
 * `GET /api/v1/dead-letters` lists them, `GET …/<partition>/<offset>` shows one with its bytes, `POST …/replay` with
 * `{letters: ["0/17", …], dryRun?}` tries some again. All take the operator's token.
 */
export class DeadLetterDoor extends OperatorDoor {
  readonly maxBodyBytes = 16_384;
  protected readonly pattern = /^\/api\/v1\/dead-letters(?:\/(\d+\/\d+|replay))?$/;

  constructor(private readonly options: DeadLetterDoorOptions) {
    super(options);
  }

  protected async reply(request: OperatorRequest): Promise<DoorAnswer> {
    const [what] = request.groups;
    const method = what === 'replay' ? 'POST' : 'GET';
    if (request.method !== method) throw new DoorFault(405, `only ${method}`);
    if (what === 'replay') return this.replay(request);
    return this.asking(() => (what === undefined ? this.list(request.url) : this.show(what)));
  }

  private async list(url: URL): Promise<DoorAnswer> {
    const query = querySchema.safeParse(Object.fromEntries(url.searchParams));
    if (!query.success)
      throw new DoorFault(
        400,
        query.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
      );
    const { state, ...filter } = query.data;
    return {
      status: 200,
      body: await this.options.index.list({ ...filter, states: state === 'all' ? undefined : [state] }),
    };
  }

  private async show(position: string): Promise<DoorAnswer> {
    const { index, replayer } = this.options;
    const record = await replayer.find(position);
    if (!record) throw new DoorFault(404, `there is no letter at ${position}`);
    const trial = await index.trialOf(position);
    const letter = letterOf(Number(position.split('/')[0]), record);
    const { headers = {}, value } = record;
    return { status: 200, body: { ...letter, trial, headers, value: Buffer.from(value).toString('base64') } };
  }

  private async replay(request: DoorRequest): Promise<DoorAnswer> {
    const { letters, dryRun } = parseJson(
      request.body,
      replaySchema as z.ZodType<z.infer<typeof replaySchema>>,
      'replay',
    );
    const results: ReplayResult[] = [];
    const work = async (): Promise<void> => {
      for (const position of letters) results.push(await this.options.replayer.replay(position, { dry: dryRun }));
    };
    const many = letters.length > 1 ? `${letters.length} letters` : '';
    const note = { what: 'replay' as const, target: `dead-letters/${letters[0]}`, detail: many };
    if (dryRun) await this.asking(work);
    else await this.act(request, note, work);
    return { status: 200, body: { results } };
  }

  /** Throws DoorFault 503 where the log does not answer. */
  private async asking<T>(work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      if (error instanceof DoorFault) throw error;
      throw new DoorFault(503, `the log does not answer: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}
