import { systemClock as clock } from '#core/runtime/clock.js';
import { OpsServer } from '#core/runtime/ops-server.js';
import { createIngest, createServe, openStore } from '../../cloud/main.js';
import { environment } from '../environment.js';
import type { PartLine, PartSeams } from './part-line.js';
import { openSharedLog, topicsOf } from './shared-log.js';

export const ingestLine: PartLine = async (seams) => {
  const { config, data, logger, registry } = seams;
  const [log, store] = [openSharedLog(seams), openSharedStore(seams)];
  const ingest = createIngest(config, { data, log, store, clock, logger, registry });
  const notReady = () => ingest.notReady();
  return [log, topicsOf(log), store, ingest, new OpsServer({ ...config.ops, registry, notReady, logger })];
};

export const serveLine: PartLine = async (seams) => {
  const { config, logger, registry } = seams;
  const [log, store] = [openSharedLog(seams), openSharedStore(seams)];
  return [log, topicsOf(log), store, createServe(config, { log, store, clock, logger, registry, stages: () => [] })];
};

function openSharedStore({ config, data, logger, registry }: PartSeams): ReturnType<typeof openStore> {
  const influxToken = environment.influxToken();
  return openStore(config.profile, config.store, { data, influxToken, clock, logger, registry });
}
