import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ensureServer, haveServers } from '../../servers/ensure.js';
import { findProgram } from '../../servers/run-command.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { dataTopic, packOf, press, startGateway } from '../harness.js';
import { CertificateMaker } from './certificate-maker.js';
import { ask, issue } from './operator.js';

const run = promisify(execFile);
const usable = await haveServers('mosquitto');
const name = 'plant1/press-07';
const long = 20_000;

async function publisher() {
  const { path, env } = await ensureServer('mosquitto');
  const program = findProgram('mosquitto_pub', [join(dirname(path), '..', 'bin')]);
  if (program === undefined) throw new Error(`mosquitto_pub is not beside ${path}`);
  return (args: readonly string[]) => run(program, args, { env: { ...process.env, ...env }, timeout: 60_000 });
}

describe.skipIf(!usable)('mosquitto_pub', () => {
  it('speaks as a device by a certificate or by an issued token, over TLS; revoked, by neither', async () => {
    const publish = await publisher();
    const maker = await CertificateMaker.in(await tempDir());
    const server = await maker.server('127.0.0.1', 'localhost');
    const tls = {
      key: await maker.write('gw.key', server.key),
      cert: await maker.write('gw.cert', server.cert),
      ca: maker.ca,
      clients: 'accepted',
    };
    const test = await startGateway({ mqtt: { tls } });
    const own = await maker.client(name);
    const certificate = [
      ...['--cert', await maker.write('own.cert', own.cert)],
      ...['--key', await maker.write('own.key', own.key)],
    ];
    const pack = async (seq: number) => {
      const file = join(maker.folder, `pack-${seq}`);
      await maker.write(`pack-${seq}`, packOf(press, seq, 3, 'identity').toString());
      return [
        '-h',
        '127.0.0.1',
        '-p',
        String(test.port),
        '--cafile',
        maker.ca,
        '-q',
        '1',
        '-t',
        dataTopic(press),
        '-f',
        file,
      ];
    };
    const stored = () => test.memory.records('sensor-readings').length;

    await publish([...(await pack(0)), ...certificate]);
    await waitFor('the pack by certificate', long, () => stored() === 1);

    const { token } = await issue(test, name);
    await waitFor('the pack by token', long, async () => {
      await publish([...(await pack(1)), '-u', name, '-P', token]).catch(() => undefined);
      return stored() >= 2;
    });

    await ask(test, 'DELETE', `devices/${name}/credentials`);
    await waitFor('the token to be refused', long, async () => {
      const said = await publish([...(await pack(2)), '-u', name, '-P', token]).catch((error: Error) => error.message);
      return typeof said === 'string' && /not authori[sz]ed/i.test(said);
    });
    const refused = await publish([...(await pack(3)), ...certificate]).catch((error: Error) => error.message);
    expect(refused).toMatch(/not authori[sz]ed/i);
    expect(test.gateway.status().refused.revoked).toBeGreaterThanOrEqual(2);
  });
});
