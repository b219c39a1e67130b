import { readFile } from 'node:fs/promises';
import { ContractError } from '#core/contract/contract-error.js';
import { privateConfigKey, readSignedConfig, signConfig } from '#core/contract/desired-config.js';
import type { ConfigReport } from '#core/contract/device-events.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { systemClock } from '#core/runtime/clock.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { askOperator, type OperatorApi } from './operator.js';

export interface SignFileOptions {
  readonly keyFile: string;
  readonly device: DeviceId;
  readonly version: number;
}

/** Throws ConfigError with every fault of the file, its line and its path; FatalError for files that cannot be used. */
export async function signFile(file: string, { keyFile, device, version }: SignFileOptions): Promise<Uint8Array> {
  const text = await read(file);
  // Only this needs to know all that a device may be told: what only pushes starts without it.
  const [{ parse }, { parseConfig }, { parseRemoteConfig, remoteConfigSchema }] = await Promise.all([
    import('yaml'),
    import('#core/runtime/config.js'),
    import('../edge/desired-config/remote-schema.js'),
  ]);
  parseConfig(remoteConfigSchema, text, file);
  // As JSON will carry it.
  const config = JSON.parse(JSON.stringify(parse(text) ?? {})) as Record<string, unknown>;
  parseRemoteConfig(config);
  const document = { type: 'fieldline-config', format: 1, ...device, version, config } as const;
  try {
    return signConfig(document, privateConfigKey(await read(keyFile)));
  } catch (cause) {
    if (!(cause instanceof ContractError)) throw cause;
    throw new FatalError('bad-config', `${keyFile}: ${cause.message}`, { cause });
  }
}

export interface PushConfigOptions extends OperatorApi {
  readonly waitMs: number | undefined;
  readonly force: boolean;
}

export interface PushResult {
  /** For a person. */
  readonly text: string;
  /** False if the device refused it, or said nothing in time. */
  readonly done: boolean;
  readonly result: object;
}

const pollMs = 250;

/** Hands a signed config to the gateway, and waits for the device if told to. Throws an Error that says what to do. */
export async function pushConfig(message: Uint8Array, options: PushConfigOptions): Promise<PushResult> {
  const { device, version, hash } = contentOf(message);
  const path = pathOf(device);
  await askOperator(options, 'PUT', `${path}${options.force ? '?force' : ''}`, message);
  const pushed = { device: deviceKey(device), version, hash };
  const what = `version ${version} for ${deviceKey(device)}`;
  if (options.waitMs === undefined) return { text: `${what} is desired.`, done: true, result: pushed };
  const report = await reportOf(options, path, hash, options.waitMs);
  if (!report)
    return { text: `${what} is desired; the device has said nothing of it yet.`, done: false, result: pushed };
  const { status, confirmed, reason } = report;
  const text = `${what}: ${inWords(report)}`;
  return { text, done: status === 'applied', result: { ...pushed, status, confirmed, reason } };
}

/** What is desired of a device, and what it reported; for a person, and as JSON. */
export async function configStatus(device: DeviceId, options: OperatorApi): Promise<{ text: string; result: object }> {
  const result = await askOperator<{ desired: { version: number } | null; reported: ConfigReport | null }>(
    options,
    'GET',
    pathOf(device),
  );
  const { desired, reported } = result;
  const text = [
    `desired   ${desired ? `version ${desired.version}` : 'nothing'}`,
    `reported  ${reported ? `version ${reported.version}: ${inWords(reported)}` : 'nothing'}`,
  ].join('\n');
  return { text, result };
}

/** Takes the desired config of a device back. */
export async function clearConfig(device: DeviceId, options: OperatorApi): Promise<void> {
  await askOperator(options, 'DELETE', pathOf(device));
}

function inWords({ status, confirmed, reason }: ConfigReport): string {
  return `${status}${status === 'applied' && !confirmed ? ', on probation' : ''}${reason === undefined ? '' : `: ${reason}`}`;
}

function pathOf({ site, device }: DeviceId): string {
  return `/api/v1/devices/${site}/${device}/config`;
}

async function reportOf(options: PushConfigOptions, path: string, hash: string, waitMs: number) {
  const untilMs = systemClock.monotonicMs() + waitMs;
  do {
    const { reported } = await askOperator<{ reported: ConfigReport | null }>(options, 'GET', path);
    if (reported?.hash === hash) return reported;
    await systemClock.sleep(pollMs);
  } while (systemClock.monotonicMs() < untilMs);
  return undefined;
}

function contentOf(message: Uint8Array) {
  try {
    const { signed } = JSON.parse(Buffer.from(message).toString()) as { signed: string };
    const { site, device } = JSON.parse(signed) as DeviceId;
    const { document, hash } = readSignedConfig(message, { site, device });
    return { device: { site, device }, version: document.version, hash };
  } catch (cause) {
    throw new FatalError('bad-config', `not a signed config, see fieldline config sign: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new FatalError('bad-config', `cannot read ${file}: ${messageOf(cause)}`, { cause });
  });
}
