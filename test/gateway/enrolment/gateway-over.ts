import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import type { EventLog } from '../../../core/log/log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { createGateway, gatewayConfigSchema } from '../../../gateway/main.js';
import { secret, type TestGateway } from '../harness.js';
import type { EnrolmentGateway } from './enrolling.js';

/** A further gateway with the configuration of the test's, over a log of its own kind. */
export async function gatewayOver(log: EventLog, like: EnrolmentGateway): Promise<EnrolmentGateway> {
  const seams = { log, clock: systemClock, logger: silentLogger, registry: new Registry(), secret };
  const { log: _log, clock: _clock, logger: _logger, ...parts } = like.over;
  const config = gatewayConfigSchema.parse({ ...parts, mqtt: { port: 0, ...parts.mqtt } });
  const gateway = createGateway(config, seams);
  await gateway.start();
  onTestFinished(() => gateway.stop(1000));
  return { ...like, gateway, port: gateway.address().port } satisfies TestGateway;
}
