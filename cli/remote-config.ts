import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { ContractError } from '#core/contract/contract-error.js';
import { privateConfigKey, readSignedConfig, signConfig } from '#core/contract/desired-config.js';
import type { ConfigReport } from '#core/contract/device-events.js';
import { deviceKey, type DeviceId } from '#core/contract/names.js';
import { systemClock } from '#core/runtime/clock.js';
import { parseConfig } from '#core/runtime/config.js';
import { FatalError, messageOf } from '#core/runtime/errors.js';
import { parseRemoteConfig, remoteConfigSchema } from '../edge/desired-config/remote-schema.js';

export interface SignFileOptions {
  readonly keyFile: string;
  readonly device: DeviceId;
  readonly version: number;
}

/** Throws ConfigError with every fault of the file, its line and its path; FatalError for files that cannot be used. */
export async function signFile(file: string, { keyFile, device, version }: SignFileOptions): Promise<Uint8Array> {
  const text = await read(file);
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

export interface ApiOptions {
  readonly http: string;
  readonly token: string;
}

export interface PushConfigOptions extends ApiOptions {
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
  await ask(options, 'PUT', `${path}${options.force ? '?force' : ''}`, message);
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
export async function configStatus(device: DeviceId, options: ApiOptions): Promise<{ text: string; result: object }> {
  const result = (await ask(options, 'GET', pathOf(device))) as {
    desired: { version: number } | null;
    reported: ConfigReport | null;
  };
  const { desired, reported } = result;
  const text = [
    `desired   ${desired ? `version ${desired.version}` : 'nothing'}`,
    `reported  ${reported ? `version ${reported.version}: ${inWords(reported)}` : 'nothing'}`,
  ].join('\n');
  return { text, result };
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
    const { reported } = (await ask(options, 'GET', path)) as { reported: ConfigReport | null };
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

async function ask({ http, token }: ApiOptions, method: string, path: string, body?: Uint8Array): Promise<unknown> {
  const url = new URL(path, http);
  const headers = { Authorization: `Bearer ${token}` };
  const response = await fetch(url, { method, headers, ...(body && { body: Buffer.from(body) }) }).catch(
    (cause: unknown) => {
      throw new Error(`no answer from ${url.origin}: start the gateway first, or name its address with --http`, {
        cause,
      });
    },
  );
  const answer = (await response.json().catch(() => ({}))) as { error?: string };
  if (!response.ok)
    throw new Error(`${url.origin} answered ${response.status}: ${answer.error ?? response.statusText}`);
  return answer;
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new FatalError('bad-config', `cannot read ${file}: ${messageOf(cause)}`, { cause });
  });
}
