import { createPrivateKey, createPublicKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EnrolmentAnswer } from '../../../core/contract/enrolment.js';
import type { Clock } from '../../../core/runtime/clock.js';
import { RetryableError } from '../../../core/runtime/errors.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { DeviceIdentity, type DeviceIdentityOptions } from '../../../edge/identity/device-identity.js';
import { IdentityFiles } from '../../../edge/identity/identity-files.js';
import { lifeOf } from '../../../edge/identity/life.js';
import type { AskingSession } from '../../../edge/identity/ask.js';
import { newKey, spkiOf } from '../../../edge/identity/certificate-request.js';
import { createAuthority, signCertificate, type Authority } from '../../../gateway/identity/authority/certificates.js';
import { readRequestKey } from '../../../gateway/identity/authority/request.js';
import { tempDir } from '../../support/temp-dir.js';
import { devicePaths, type DevicePaths } from './enrolling-device.js';

const device = { site: 'plant1', device: 'press-07' };
const name = 'plant1/press-07';
const dayMs = 86_400_000;
const startMs = Date.parse('2026-01-01T00:00:00Z');
const { signal } = new AbortController();

/** Time stands still but for sleeps, which take none. */
class SleepyClock implements Clock {
  slept: number[] = [];
  constructor(public ms = startMs) {}
  nowUs = () => this.ms * 1000;
  monotonicMs = () => this.ms;
  sleep = (ms: number, until?: AbortSignal): Promise<void> => {
    if (until?.aborted) return Promise.resolve();
    this.slept.push(ms);
    this.ms += ms;
    return new Promise((resolve) => setImmediate(resolve));
  };
}

let authority: Authority;
let paths: DevicePaths;
let clock: SleepyClock;
let answers: (EnrolmentAnswer | 'sign' | 'nothing')[];
let asked: number;

beforeEach(async () => {
  authority = await createAuthority('Test', { nowMs: startMs, days: 3650 });
  paths = await devicePaths(await tempDir());
  clock = new SleepyClock();
  answers = [];
  asked = 0;
});

async function certify(
  publicKey = createPublicKey(createPrivateKey(newKey())),
  days = 30,
  owner = name,
): Promise<string> {
  return signCertificate(authority, { name: owner, publicKey }, { nowMs: clock.ms, days });
}

async function layPair(days = 30, owner = name): Promise<string> {
  const key = newKey();
  const cert = await certify(createPublicKey(createPrivateKey(key)), days, owner);
  await writeFile(paths.keyFile, key);
  await writeFile(paths.certFile, cert);
  return cert;
}

/** A gateway that answers as the script says, and signs when that is over. */
function session(): AskingSession {
  const one: AskingSession = {
    onAnswer: undefined,
    subscribe: () => Promise.resolve(),
    publish: async (_topic, payload) => {
      asked += 1;
      const next = answers.shift() ?? 'sign';
      if (next === 'nothing') return;
      if (next !== 'sign') return one.onAnswer?.(Buffer.from(JSON.stringify(next)));
      const { csr } = JSON.parse(Buffer.from(payload).toString()) as { csr: string };
      const publicKey = await readRequestKey(csr);
      const enrolled = { type: 'enrolled', spki: spkiOf(publicKey), certificate: await certify(publicKey) };
      one.onAnswer?.(Buffer.from(JSON.stringify(enrolled)));
    },
  };
  return one;
}

function identityOf(over: Partial<DeviceIdentityOptions> = {}): DeviceIdentity {
  return new DeviceIdentity({
    device,
    files: new IdentityFiles({ ...paths, tokenFile: paths.enrolTokenFile }),
    connect: () => Promise.resolve({ ...session(), signal, end: () => Promise.resolve() }),
    clock,
    isTimeKnown: () => true,
    logger: silentLogger,
    renews: true,
    hasPassword: false,
    ...over,
  });
}

/** As {@link identityOf}, over connections that answer. */
function enrolling(over: Partial<DeviceIdentityOptions> = {}): DeviceIdentity {
  const connect = () => {
    const one = session();
    return Promise.resolve(Object.assign(one, { signal, end: () => Promise.resolve() }));
  };
  return identityOf({ connect, ...over });
}

const layToken = (token = 'fle_one') => writeFile(paths.enrolTokenFile, token);

describe('what a device shows', () => {
  it('is nothing without a certificate and a token, or the password', async () => {
    await expect(enrolling().show(signal)).rejects.toMatchObject({ code: 'unauthorised' });
    expect(await enrolling({ hasPassword: true }).show(signal)).toBeUndefined();
  });

  it('is what the token gave, and the old pair again where the new one cannot connect', async () => {
    const old = await layPair();
    await layToken();
    const identity = enrolling();
    const shown = await identity.show(signal);
    expect(shown!.cert).not.toBe(old);
    identity.failed('refused');
    expect((await identity.show(signal))!.cert).toBe(old);
    identity.failed('the network is away');
    expect((await identity.show(signal))!.cert).toBe(shown!.cert);
    await identity.spoken();
    expect((await identity.show(signal))!.cert).toBe(shown!.cert);
    expect(asked).toBe(1);
  });

  it('gives up a new pair that is refused three times while the old one works, and never for want of a network', async () => {
    const old = await layPair();
    await layToken();
    const identity = enrolling();
    for (let i = 0; i < 10; i += 1) {
      await identity.show(signal);
      identity.failed('the network is away');
    }
    const files = new IdentityFiles(paths);
    expect(await files.next()).toBeDefined();
    for (let i = 0; i < 3; i += 1) {
      while ((await identity.show(signal))!.cert === old) await identity.renew(session(), AbortSignal.abort());
      identity.failed('refused');
      expect((await identity.show(signal))!.cert).toBe(old);
      if (i < 2) expect(await files.next()).toBeDefined();
      await identity.spoken();
      const left = new AbortController();
      if (i < 2) expect(await identity.renew(session(), left.signal)).toBe(true);
    }
    expect(await files.next()).toBeUndefined();
  });

  it('is the old pair while the gateway that should enrol is away, and the new one later', async () => {
    const old = await layPair();
    await layToken();
    let isAway = true;
    const connect: DeviceIdentityOptions['connect'] = () => {
      if (isAway) return Promise.reject(new RetryableError('unavailable', 'away'));
      return Promise.resolve(Object.assign(session(), { signal, end: () => Promise.resolve() }));
    };
    const identity = enrolling({ connect });
    expect((await identity.show(signal))!.cert).toBe(old);
    isAway = false;
    expect((await identity.show(signal))!.cert).not.toBe(old);
  });

  it('a token that is refused for good is not shown again within the hour; another one is', async () => {
    await layToken();
    answers.push({ type: 'refused', reason: 'the token expired', mayRetry: false });
    const identity = enrolling();
    await expect(identity.show(signal)).rejects.toThrow('the token expired');
    await expect(identity.show(signal)).rejects.toThrow('the token expired');
    expect(asked).toBe(1);
    await layToken('fle_two');
    expect(await identity.show(signal)).toBeDefined();
    expect(asked).toBe(2);
  });

  it('a certificate that was revoked before it spoke makes room for the one of another token', async () => {
    await layToken();
    const identity = enrolling();
    const first = await identity.show(signal);
    await layToken('fle_two');
    for (let i = 0; i < 3; i += 1) {
      expect(await identity.show(signal)).toEqual(first);
      identity.failed('refused');
    }
    answers.push({ type: 'refused', reason: 'the token was revoked', mayRetry: false });
    expect(await identity.show(signal)).toEqual(first);
    expect(identity.failed('refused')).toBe('refused; the token was revoked');
    await layToken('fle_three');
    const second = await identity.show(signal);
    expect(second!.cert).not.toBe(first!.cert);
    expect(second!.key).toBe(first!.key);
    expect(asked).toBe(3);
  });

  it('an answer for another key, or none, is no certificate', async () => {
    await layToken();
    answers.push({ type: 'enrolled', spki: 'a'.repeat(64), certificate: await certify() }, 'nothing');
    const identity = enrolling();
    await expect(identity.show(signal)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(identity.show(signal)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await identity.show(signal)).toBeDefined();
  });

  it('says with each failure that its certificate has expired, and whose it is, if it is of another device', async () => {
    await layPair(1);
    clock.ms += 2 * dayMs;
    const identity = enrolling();
    await identity.show(signal);
    expect(identity.failed('closed')).toMatch(
      /^closed; the certificate expired at .*fieldline device enrol plant1\/press-07/,
    );
    await layPair(30, 'plant1/other');
    await identity.show(signal);
    expect(identity.failed('closed')).toContain('is not that of plant1/press-07');
    await layToken();
    expect(await identity.show(signal)).toBeDefined();
    expect(identity.failed('closed')).toBe('closed');
  });
});

describe('the renewal', () => {
  it('comes after two thirds of the life and before three quarters and a bit, at another time for each certificate', async () => {
    const cert = await layPair(30);
    const { renewMs, endsMs } = lifeOf(cert);
    expect(endsMs).toBe(startMs + 30 * dayMs);
    expect(renewMs).toBeGreaterThanOrEqual(startMs + 20 * dayMs);
    expect(renewMs).toBeLessThanOrEqual(startMs + 22.5 * dayMs);
    expect(lifeOf(await certify()).renewMs).not.toBe(renewMs);
    const identity = enrolling();
    await identity.show(signal);
    expect(await identity.renew(session(), signal)).toBe(true);
    expect(Math.abs(clock.ms - renewMs)).toBeLessThan(1000);
    expect(Math.max(...clock.slept)).toBe(3_600_000);
    expect((await identity.show(signal))!.cert).not.toBe(cert);
  });

  it('waits after a refusal, and ends with the connection', async () => {
    await layPair(30);
    clock.ms += 25 * dayMs;
    answers.push({ type: 'refused', reason: 'signs nothing', mayRetry: true }, 'nothing');
    const identity = enrolling();
    await identity.show(signal);
    expect(await identity.renew(session(), signal)).toBe(true);
    expect(clock.slept).toEqual([21_600_000, 30_000, 600_000]);
    expect(await enrolling().renew(session(), AbortSignal.abort())).toBe(false);
    expect(await enrolling({ renews: false }).renew(session(), signal)).toBe(false);
  });

  it('is not begun while the time is not known', async () => {
    await layPair(1);
    clock.ms += 2 * dayMs;
    let looks = 0;
    const identity = enrolling({ isTimeKnown: () => (looks += 1) > 4 });
    await identity.show(signal);
    await identity.renew(session(), signal);
    expect(clock.slept.filter((ms) => ms === 3_600_000).length).toBeGreaterThan(2);
    expect(asked).toBe(1);
  });
});
