import { expect, it, onTestFinished } from 'vitest';
import { freePorts } from '../servers/free-port.js';
import { waitFor } from '../servers/wait-for.js';
import { faultless, readingsStored, startFieldline, startSimulation, verifyJournal } from '../support/fieldline.js';
import { showLogsOnFailure } from '../support/show-logs.js';
import { tempDir } from '../support/temp-dir.js';

it('the embedded process is killed in the middle of 5,000 readings/s: nothing lost, doubled or changed', async () => {
  const folder = await tempDir();
  showLogsOnFailure(folder);
  const [httpPort, mqttPort] = (await freePorts(2)) as [number, number];
  const data = `${folder}/data`;
  const args = [
    'up',
    '--data',
    data,
    '--http-port',
    `${httpPort}`,
    '--mqtt-port',
    `${mqttPort}`,
    '--no-simulator',
    '--log-format',
    'json',
  ];
  const start = () => startFieldline({ name: 'up', args, folder, httpPort });

  let line = await start();
  onTestFinished(() => line.kill9());
  const load = [
    '--sensors',
    '5000',
    '--every',
    '1s',
    '--for',
    '12s',
    '--spikes',
    '0.01',
    '--data',
    data,
    '--mqtt',
    `mqtt://127.0.0.1:${mqttPort}`,
  ];
  const simulation = startSimulation('smart-factory', folder, load);
  for (const stored of [12_000, 6_000]) {
    await waitFor(`${stored} readings stored`, 30_000, async () => (await readingsStored(line.http)) >= stored);
    await line.kill9();
    line = await start();
  }

  const sent = await simulation.done;
  expect(sent).toMatchObject({ sentReadings: 60_000, ackedReadings: 60_000 });
  const verdict = await verifyJournal(simulation.journal, line.http, folder);
  expect(verdict).toMatchObject(faultless);
  expect(verdict.readings.found).toBe(60_000);
  expect(verdict.alerts.expected).toBeGreaterThan(0);
  await line.terminate();
});
