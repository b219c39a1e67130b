import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodePack } from '../../core/contract/pack.js';
import { deviceToken } from '../../core/runtime/device-token.js';
import { findProgram } from '../servers/run-command.js';
import { ensureServer, haveServers } from '../servers/ensure.js';
import { waitFor } from '../servers/wait-for.js';
import { dataTopic, oven, packOf, press, secret, startGateway } from './harness.js';

const run = promisify(execFile);
const usable = await haveServers('mosquitto');

/** A program of the mosquitto clients, with the libraries that it needs. */
async function mosquittoClient(name: string) {
  const { path, env } = await ensureServer('mosquitto');
  const program = findProgram(name, [join(dirname(path), '..', 'bin')]);
  if (program === undefined) throw new Error(`${name} is not beside ${path}`);
  return (args: readonly string[]) => run(program, args, { env: { ...process.env, ...env }, timeout: 90_000 });
}

describe.skipIf(!usable)('the clients of mosquitto', () => {
  const login = (port: number) => [
    ...['-h', '127.0.0.1', '-p', String(port)],
    ...['-u', 'plant1/press-07', '-P', deviceToken(secret, press)],
  ];

  it.each(['0', '1', '2'])('mosquitto_pub publishes a pack with QoS %s', async (qos) => {
    const publish = await mosquittoClient('mosquitto_pub');
    const folder = await mkdtemp(join(tmpdir(), 'fieldline-mosquitto-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'pack');
    await writeFile(file, packOf(press, 42));
    const test = await startGateway();
    await publish([...login(test.port), '-q', qos, '-t', dataTopic(press), '-f', file]);
    await waitFor('the pack', 2000, () => test.memory.records('sensor-readings').length === 1);
    expect(decodePack(test.memory.records('sensor-readings')[0]!.value).seq).toBe(42);
    expect(test.gateway.status().refused).toEqual({});
  });

  it('mosquitto_pub is told that it may not publish, or that MQTT 5 is not spoken', async () => {
    const publish = await mosquittoClient('mosquitto_pub');
    const test = await startGateway();
    const wrong = ['-h', '127.0.0.1', '-p', String(test.port), '-u', 'plant1/press-07', '-P', 'wrong'];
    await expect(publish([...wrong, '-t', dataTopic(press), '-m', 'x'])).rejects.toThrow(/not authori[sz]ed/i);
    const five = [...login(test.port), '-V', '5', '-t', dataTopic(press), '-m', 'x'];
    await expect(publish(five)).rejects.toMatchObject({ code: expect.any(Number) });
    expect(test.gateway.status().refused).toEqual({ unauthorised: 1, 'protocol-version': 1 });
  });

  it('mosquitto_sub is refused what is not its own, and receives a command', async () => {
    const subscribe = await mosquittoClient('mosquitto_sub');
    const test = await startGateway();
    const { stderr } = await subscribe([...login(test.port), '-q', '1', '-t', dataTopic(oven), '-W', '5']);
    expect(stderr).toContain('denied');
    const topic = 'fieldline/plant1/press-07/command/+';
    const received = subscribe([...login(test.port), '-q', '1', '-t', topic, '-C', '1', '-W', '60', '-v']);
    let stdout = '';
    const ended = received.then((result) => (stdout = result.stdout));
    let id = 0;
    // A command that comes before its subscription goes nowhere.
    await waitFor('a command to arrive', 8000, async () => {
      if (stdout === '') await test.gateway.publishCommand(press, `c${(id += 1)}`, Buffer.from('{"reboot":true}'));
      return stdout;
    });
    await ended;
    expect(stdout.trim()).toMatch(/^fieldline\/plant1\/press-07\/command\/c\d+ \{"reboot":true\}$/);
  });
});
