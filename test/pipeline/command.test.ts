import { createServer } from 'node:net';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePorts } from '../servers/free-port.js';
import { waitFor } from '../servers/wait-for.js';
import { metric, runFieldline, startFieldline } from '../support/fieldline.js';
import { tempDir } from '../support/temp-dir.js';

async function place() {
  const folder = await tempDir();
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const data = `${folder}/data`;
  const args = ['up', '--data', data, '--http-port', `${httpPort}`, '--mqtt-port', `${mqttPort}`];
  return { folder, httpPort, mqttPort, data, args };
}

describe('fieldline up, as a user meets it', () => {
  it('shows this machine and the simulated building, stops on Ctrl-C inside 5 s, and goes on where it was', async () => {
    const { args, folder, httpPort } = await place();
    const start = () => startFieldline({ name: 'up', args, folder, httpPort, readyWithinMs: 20_000 });
    let line = await start();
    onTestFinished(() => line.kill9());
    const series = async (site: string) => {
      const answer = (await (await fetch(`${line.http}/api/v1/series?site=${site}&limit=1000`)).json()) as {
        series: { series: string; last: object | null }[];
      };
      return answer.series.filter(({ last }) => last !== null);
    };
    await waitFor('200 simulated series with values', 20_000, async () => (await series('demo')).length === 200);
    await waitFor('host sensors with values', 20_000, async () => (await series('local')).length >= 5);

    const stopMs = performance.now();
    process.kill(line.pid, 'SIGINT');
    await waitFor('the end of the process', 5_000, () => !line.running());
    expect(performance.now() - stopMs).toBeLessThan(5_000);

    line = await start();
    await waitFor('eleven complete devices', 20_000, async () => {
      const { devices } = (await (await fetch(`${line.http}/api/v1/devices`)).json()) as {
        devices: { received: number; completeness: number | null }[];
      };
      const complete = devices.filter(({ received, completeness }) => received > 2 && completeness === 1);
      return devices.length === 11 && complete.length === 11;
    });
    await line.terminate();
  });

  it('every stage conserves readings: in = out + dropped + in flight', async () => {
    const { args, folder, httpPort } = await place();
    const line = await startFieldline({ name: 'up', args, folder, httpPort });
    onTestFinished(() => line.kill9());
    await waitFor(
      'some readings',
      20_000,
      async () => ((await metric(line.http, 'fieldline_ingest_readings_out_total')) ?? 0) > 500,
    );
    const { stages } = (await (await fetch(`${line.http}/api/v1/pipeline`)).json()) as {
      stages: { stage: string; in: number; out: number; dropped: number; inFlight: number }[];
    };
    expect(stages.map(({ stage }) => stage)).toEqual(['edge_agent', 'edge_outbox', 'gateway', 'ingest']);
    for (const stage of stages) expect(stage.in, stage.stage).toBe(stage.out + stage.dropped + stage.inFlight);
    for (const stage of stages) expect(stage.dropped, stage.stage).toBe(0);
    await line.terminate();
  });

  it('a second start names the process that holds the directory', async () => {
    const { args, folder, httpPort } = await place();
    const line = await startFieldline({ name: 'up', args: [...args, '--no-simulator'], folder, httpPort });
    onTestFinished(() => line.kill9());
    const second = await runFieldline(args, folder, 20_000);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`in use by process ${line.pid}`);
    expect(second.stderr).not.toContain('    at ');
    await line.terminate();
  });

  it.each(['--http-port', '--mqtt-port'])('a port in use is one sentence with the next step: %s', async (flag) => {
    const { args, folder } = await place();
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    onTestFinished(() => void squatter.close());
    const { port } = squatter.address() as { port: number };
    const result = await runFieldline([...args, '--no-simulator', flag, `${port}`], folder, 20_000);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`${port}`);
    expect(result.stderr).toMatch(/in use|another program listens/);
    expect(result.stderr).not.toContain('    at ');
  });
});

describe('bad words and bad files', () => {
  it('every fault of a configuration at once, with file, line and path; exit code 2; nothing is started', async () => {
    const folder = await tempDir();
    const file = `${folder}/fieldline.yaml`;
    await writeFile(
      file,
      'profile: cloudy\nhttp:\n  port: 99999\ngateway:\n  mqtt:\n    prot: 1883\nedge:\n  pack:\n    delayMs: soon\n',
    );
    const result = await runFieldline(['up', '--config', file, '--data', `${folder}/data`], folder, 20_000);
    expect(result.code).toBe(2);
    for (const fault of [
      `${file}:1: profile`,
      `${file}:3: http.port`,
      `${file}:6: gateway.mqtt.prot: unknown key`,
      `${file}:9: edge.pack.delayMs`,
    ]) {
      expect(result.stderr).toContain(fault);
    }
  });

  it('devices of its own that its gateway would not take', async () => {
    const folder = await tempDir();
    const file = `${folder}/fieldline.yaml`;
    await writeFile(file, 'gateway: { mqtt: { tls: { key: k.pem, cert: c.pem } } }\nsimulator: { enabled: false }\n');
    const result = await runFieldline(['up', '--config', file, '--data', `${folder}/data`], folder, 20_000);
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('set edge.enabled: false') as string });
  });

  it.each([
    [['up', '--prot', '1']],
    [['up', '--http-port', 'x']],
    [['up', '--profile', 'moon']],
    [['simulate', 'smart-factory', '--every', 'often']],
    [['simulate', 'smart-factory', '--data', '/nowhere']],
    [['fly']],
    [['device', 'token', 'nonsense']],
    [['up', '--config', '/nowhere/fieldline.yaml']],
    [['gateway', 'run', '--data', 'd']],
  ])('%j is exit code 2, with a sentence', async (args) => {
    const result = await runFieldline(args, await tempDir(), 20_000);
    expect(result.code).toBe(2);
    expect(result.stderr.length).toBeGreaterThan(10);
    expect(result.stderr).not.toContain('    at ');
  });

  it.each([
    [['--help']],
    [['up', '--help']],
    [['simulate', 'smart-factory', '--help']],
    [['simulate', 'verify', '--help']],
    [['report', 'hourly', '--help']],
    [['edge', 'run', '--help']],
  ])('%j has an example', async (args) => {
    const result = await runFieldline(args, await tempDir(), 20_000);
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('Example');
  });

  it('a verification without a server is exit code 1, with the next step', async () => {
    const folder = await tempDir();
    const journal = `${folder}/journal.jsonl`;
    await writeFile(journal, '{"fieldline":"journal/1","scenario":"x","site":"s","seed":1,"startedUs":1}\n');
    const result = await runFieldline(
      ['simulate', 'verify', journal, '--http', 'http://127.0.0.1:9', '--wait', '1ms'],
      folder,
      20_000,
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('start fieldline first');
  });
});
