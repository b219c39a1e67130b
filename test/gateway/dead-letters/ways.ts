import { Registry } from 'prom-client';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import type { ReplayWays } from '../../../gateway/dead-letters/replay-plan.js';
import { Replayer } from '../../../gateway/dead-letters/replayer.js';
import { openForeign } from '../../../gateway/intake/foreign/open-foreign.js';
import type { ForeignSource } from '../../../gateway/intake/topic-router.js';
import { gatewayConfigSchema } from '../../../gateway/main.js';
import type { IngestLine } from '../../support/ingest-line.js';

/** What a gateway replays with, and one source of SenML. */
export function ways({ log }: Pick<IngestLine, 'log'>, maxSensors = 100) {
  const config = gatewayConfigSchema.parse({
    sources: [{ type: 'senml', topics: ['senml/#'] }],
    foreign: { maxSensors },
  });
  const registry = new Registry();
  const seams = { log, clock: systemClock, logger: silentLogger, random: Math.random, registry };
  const publish = () => Promise.resolve();
  const foreign = openForeign(config, { ...seams, publish, publishRetained: publish });
  const [source] = foreign.router.sources as [ForeignSource];
  const sourceOf = (topic: string) => (topic.startsWith('senml/') ? source : undefined);
  const taking: ReplayWays = { sourceOf, takeForeign: foreign.take, screen: (_, decoded) => decoded };
  return { foreign, source, taking, replayer: new Replayer({ ...seams, ...taking }) };
}
