//  config topic ─► read, verify, validate ─► on probation ─┬─► healthy: kept to go back to
//                        └─► rejected                       └─► rolled back to the last healthy one
import { createHash, type KeyObject } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ContractError } from '#core/contract/contract-error.js';
import { isSignedBy, readSignedConfig, type SignedConfig } from '#core/contract/desired-config.js';
import type { DeviceId } from '#core/contract/names.js';
import type { Clock } from '#core/runtime/clock.js';
import { messageOf, RejectedError } from '#core/runtime/errors.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { SensorFlow } from '../agent.js';
import type { EdgeConfig } from '../config.js';
import type { JsonFile } from '../json-file.js';
import { noConfigYet, type ConfigOutcome, type ConfigState } from './config-state.js';
import { FlowWatch } from './flow-watch.js';
import { parseRemoteConfig, withRemote } from './remote-schema.js';
import { verdict } from './verdict.js';

/** A process that ends so often in a config's probation ends because of it. */
const maxRestarts = 3;
const longestReason = 1000;

export interface DesiredConfigOptions {
  readonly device: DeviceId;
  /** What the device's own file says. */
  readonly local: EdgeConfig;
  /** Without it every config from afar is refused, and none kept from before holds. */
  readonly publicKey: KeyObject | undefined;
  readonly file: JsonFile<ConfigState>;
  readonly probationMs: number;
  /** Makes a configuration ready; nothing changes before the returned function is called. Throws if it cannot be. */
  readonly prepare: (config: EdgeConfig) => () => Promise<void>;
  readonly flow: () => ReadonlyMap<string, SensorFlow>;
  /** Rises with each message that the gateway acknowledged. */
  readonly acknowledged: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A config that passed every check. */
interface Candidate {
  readonly signed: SignedConfig;
  readonly message: string;
  readonly config: EdgeConfig;
  readonly activate: () => Promise<void>;
}

/**
 * The configuration that the device's owner wants, from the retained config topic: taken if it is signed, newer and
 * valid, put in force without a restart, and given up for the last healthy one if data stops flowing.
 * Started before the agent, whose first setup it decides.
 */
export class DesiredConfig implements Part {
  readonly #watch: FlowWatch;
  readonly #listeners = new Set<(outcome: ConfigOutcome) => void>();
  #state: ConfigState = noConfigYet;
  #inForce: EdgeConfig;
  #work: Promise<unknown> = Promise.resolve();
  #probation: AbortController | undefined;
  #running: AbortController | undefined;
  #toldOfKey = false;

  constructor(private readonly options: DesiredConfigOptions) {
    const { flow, clock, probationMs, local } = options;
    this.#watch = new FlowWatch({ flow, clock, everyMs: Math.min(1000, probationMs / 20) });
    this.#inForce = local;
  }

  /** What became of the newest config that was in force; undefined if none ever was. */
  get outcome(): ConfigOutcome | undefined {
    return this.options.publicKey ? (this.#state.outcome ?? undefined) : undefined;
  }

  /** Calls back with each outcome, and that of what was refused, until the returned function is called. */
  onOutcome(listener: (outcome: ConfigOutcome) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Puts the kept config in force. Never throws for a bad one: the one before it, or the local file, takes its place. */
  async start(): Promise<void> {
    if (this.#running) return;
    const { signal } = (this.#running = new AbortController());
    this.#state = (await this.options.file.load()) ?? noConfigYet;
    if (this.options.publicKey) await this.#resume();
    void this.#watch.run(signal);
  }

  async stop(deadlineMs: number): Promise<void> {
    if (!this.#running) return;
    this.#running.abort();
    this.#running = undefined;
    this.#probation?.abort();
    const patience = new AbortController();
    await Promise.race([this.#work, this.options.clock.sleep(deadlineMs, patience.signal)]);
    patience.abort();
    const { trial } = this.#state;
    if (trial) await this.#keep({ ...this.#state, trial: { ...trial, stopped: true } }).catch(() => undefined);
  }

  /** A message of the config topic. Resolves when it is in force or refused. */
  receive(payload: Uint8Array): Promise<void> {
    // The desire was taken back; what is in force stays.
    if (payload.byteLength === 0) return Promise.resolve();
    return this.#inTurn(async () => {
      try {
        await this.#take(payload);
      } catch (error) {
        this.#reject(payload, error);
      }
    });
  }

  async #take(payload: Uint8Array): Promise<void> {
    const candidate = this.#check(Buffer.from(payload).toString('utf8'));
    const { floor, outcome } = this.#state;
    const { version } = candidate.document;
    if (outcome && version === outcome.version && candidate.hash === outcome.hash) return this.#tell(outcome);
    if (version === floor)
      throw new RejectedError('refused', `version ${version} was another config: use a higher one`);
    if (version < floor) throw new RejectedError('refused', `version ${version} is not newer than ${floor}`);
    await this.#try(this.#ready(candidate));
  }

  /** Puts a config on probation. Nothing has changed if it throws. */
  async #try({ signed, message, config, activate }: Candidate): Promise<void> {
    const { probationMs, logger } = this.options;
    const { version } = signed.document;
    const { hash } = signed;
    // While another is on probation, the sensors from before that one count.
    const sources = this.#state.trial?.sources ?? this.#watch.steady(probationMs);
    const uplinkChanged = !isDeepStrictEqual(config.uplink, this.#inForce.uplink);
    const trial = { message, restarts: 0, stopped: false, sources, uplinkChanged };
    const outcome: ConfigOutcome = { version, hash, status: 'applied', confirmed: false };
    await this.#keep({ ...this.#state, floor: version, trial, outcome });
    this.#probation?.abort();
    logger.info({ version, hash }, 'config: in force, on probation');
    try {
      await this.#activate(config, activate);
    } catch (error) {
      return this.#rollBack(messageOf(error));
    }
    this.#tell(outcome);
    this.#beginProbation();
  }

  async #resume(): Promise<void> {
    const { trial } = this.#state;
    if (trial) await this.#resumeTrial(trial);
    const { trial: left, healthy } = this.#state;
    const message = left?.message ?? healthy;
    if (message === null) return;
    try {
      const { config, activate } = this.#ready(this.#check(message));
      await this.#activate(config, activate);
      if (left) this.#beginProbation();
    } catch (error) {
      if (left) return this.#rollBack(messageOf(error));
      this.options.logger.error(
        { error: messageOf(error) },
        'config: the kept one cannot be used; the local file holds',
      );
    }
  }

  async #resumeTrial(trial: NonNullable<ConfigState['trial']>): Promise<void> {
    const restarts = trial.restarts + (trial.stopped ? 0 : 1);
    if (restarts < maxRestarts) {
      await this.#keep({ ...this.#state, trial: { ...trial, restarts, stopped: false } }).catch((error: unknown) =>
        this.options.logger.error({ error: messageOf(error) }, 'config: a restart could not be counted'),
      );
    } else await this.#rollBack(`the program ended ${restarts} times on probation`);
  }

  #beginProbation(): void {
    const probation = (this.#probation = new AbortController());
    const before = this.options.acknowledged();
    void this.options.clock.sleep(this.options.probationMs, probation.signal).then(() =>
      this.#inTurn(async () => {
        if (!probation.signal.aborted) await this.#judge(before);
      }),
    );
  }

  async #judge(acknowledgedBefore: number): Promise<void> {
    const { trial, outcome } = this.#state;
    if (!trial || !outcome) return;
    const { flow, probationMs, acknowledged, logger } = this.options;
    const { sources, uplinkChanged: changed } = trial;
    const uplink = { changed, acknowledged: acknowledged() > acknowledgedBefore };
    const reason = verdict({ probationMs, sources, flow: flow(), uplink });
    if (reason !== undefined) return this.#rollBack(reason);
    const settled = { ...outcome, confirmed: true };
    await this.#keepAnyway({ ...this.#state, healthy: trial.message, trial: null, outcome: settled });
    logger.info({ version: outcome.version }, 'config: healthy');
    this.#tell(settled);
  }

  async #rollBack(reason: string): Promise<void> {
    const { outcome, healthy } = this.#state;
    this.options.logger.error({ version: outcome!.version, reason }, 'config: rolled back');
    const settled = {
      ...outcome!,
      status: 'rolled-back',
      confirmed: false,
      reason: reason.slice(0, longestReason),
    } as const;
    await this.#keepAnyway({ ...this.#state, trial: null, outcome: settled });
    try {
      const { config, activate } = this.#lastHealthy(healthy);
      await this.#activate(config, activate);
    } catch (error) {
      this.options.logger.error({ error: messageOf(error) }, 'config: the way back failed; start the program anew');
    }
    this.#tell(settled);
  }

  #lastHealthy(message: string | null): Pick<Candidate, 'config' | 'activate'> {
    const { local, prepare, logger } = this.options;
    try {
      if (message !== null) return this.#ready(this.#check(message));
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'config: the last healthy one cannot be used; the local file holds');
    }
    return { config: local, activate: prepare(local) };
  }

  async #activate(config: EdgeConfig, activate: () => Promise<void>): Promise<void> {
    this.#inForce = config;
    await activate();
  }

  /** Reads it and proves who wrote it. Throws ContractError or RejectedError. */
  #check(message: string): SignedConfig & { message: string } {
    const { device, publicKey } = this.options;
    if (!publicKey) throw new RejectedError('refused', 'this device has no config.publicKey, so it takes no config');
    const signed = readSignedConfig(Buffer.from(message), device);
    if (!isSignedBy(signed, publicKey))
      throw new RejectedError('refused', 'the signature is not of the key of this device');
    return { ...signed, message };
  }

  /** Validates it and makes it ready. Throws ContractError or FatalError. */
  #ready({ message, ...signed }: SignedConfig & { message: string }): Candidate {
    const { local, prepare } = this.options;
    const config = withRemote(local, parseRemoteConfig(signed.document.config));
    return { signed, message, config, activate: prepare(config) };
  }

  #reject(payload: Uint8Array, error: unknown): void {
    const reason = messageOf(error).slice(0, longestReason);
    const isSilent = !this.options.publicKey && this.#toldOfKey;
    if (!isSilent) this.options.logger.error({ reason }, 'config: refused');
    this.#toldOfKey = !this.options.publicKey;
    this.#tell({ ...this.#nameOf(payload), status: 'rejected', confirmed: false, reason });
  }

  #nameOf(payload: Uint8Array): Pick<ConfigOutcome, 'version' | 'hash'> {
    try {
      const { document, hash } = readSignedConfig(payload, this.options.device);
      return { version: document.version, hash };
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      return { version: 0, hash: createHash('sha256').update(payload).digest('hex').slice(0, 32) };
    }
  }

  async #keep(state: ConfigState): Promise<void> {
    await this.options.file.save(state);
    this.#state = state;
  }

  /** Where going on is right even if the disk takes nothing: after a restart the same would be found again. */
  async #keepAnyway(state: ConfigState): Promise<void> {
    await this.#keep(state).catch((error: unknown) => {
      this.options.logger.error({ error: messageOf(error) }, 'config: its outcome could not be kept');
      this.#state = state;
    });
  }

  #tell(outcome: ConfigOutcome): void {
    for (const listener of this.#listeners) listener(outcome);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done.catch((error: unknown) => this.options.logger.error({ err: error }, 'config: failed'));
    return this.#work as Promise<void>;
  }
}
