import { describe, expect, it, onTestFinished } from 'vitest';
import { haveServers } from '../servers/ensure.js';
import { waitFor } from '../servers/wait-for.js';
import { startClusterLine, type ClusterLine } from '../support/cluster-line.js';
import { faultless, readingsStored, startSimulation, verifyJournal } from '../support/fieldline.js';
import { showLogsOnFailure } from '../support/show-logs.js';
import { tempDir } from '../support/temp-dir.js';

/** Each fault, and how the line goes on after it. */
const faults: Record<string, (line: ClusterLine) => Promise<void>> = {
  gateway: (line) => line.kill9AndRestart('gateway'),
  ingest: (line) => line.kill9AndRestart('ingest'),
  kafka: async ({ servers }) => {
    await servers.kafka.kill9(0);
    await servers.kafka.restart(0);
  },
  influxd: async ({ servers }) => {
    await servers.influxd.kill9();
    await servers.influxd.restart();
  },
};

describe.skipIf(!(await haveServers('kafka', 'influxdb')))('the cluster profile', () => {
  it('gateway, ingest, Kafka and influxd are killed one after another at 5,000 readings/s: nothing lost, doubled or changed', async () => {
    const folder = await tempDir();
    showLogsOnFailure(folder);
    const line = await startClusterLine(folder);
    onTestFinished(() => line.stop());
    const load = [
      '--sensors',
      '5000',
      '--every',
      '1s',
      '--for',
      '30s',
      '--spikes',
      '0.01',
      '--data',
      line.data,
      '--mqtt',
      line.mqttUrl,
    ];
    const simulation = startSimulation('smart-factory', folder, load);
    for (const fault of Object.keys(faults)) {
      const before = await readingsStored(line.parts.ingest.http);
      await waitFor(`10,000 more readings stored before ${fault} dies`, 60_000, async () => {
        return (await readingsStored(line.parts.ingest.http)) >= before + 10_000;
      });
      await faults[fault]!(line);
    }
    expect(await simulation.done).toMatchObject({ sentReadings: 150_000, ackedReadings: 150_000 });
    const verdict = await verifyJournal(simulation.journal, line.parts.serve.http, folder);
    expect(verdict).toMatchObject(faultless);
    expect(verdict.readings.found).toBe(150_000);
  }, 400_000);
});
