import { describe, expect, it, onTestFinished } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { KafkaLog } from '../../../core/log/kafka-log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { haveServers } from '../../servers/ensure.js';
import { startKafka } from '../../servers/kafka.js';
import { waitFor } from '../../servers/wait-for.js';
import { dataTopic, packOf, press } from '../harness.js';
import { askerOf, connectEnrolling, connectTls, enrolled, long, startEnrolment, tokenFor } from './enrolling.js';
import { gatewayOver } from './gateway-over.js';

const usable = await haveServers('kafka');

describe.skipIf(!usable)('two gateways over Kafka', () => {
  it('give a token to one key, and end the old identity at both', async () => {
    const kafka = await startKafka();
    onTestFinished(() => kafka.stop());
    const open = async (clientId: string) => {
      const log = new KafkaLog({ brokers: [...kafka.bootstrap], clientId, clock: systemClock, logger: silentLogger });
      await log.start();
      onTestFinished(() => log.stop(2000));
      await log.ensureTopics(Object.values(logTopics));
      return log;
    };
    const like = await startEnrolment();
    const one = await gatewayOver(await open('one'), like);
    const two = await gatewayOver(await open('two'), like);
    const devices = Array.from({ length: 4 }, (_, i) => ({ site: 'plant1', device: `pi-${i}` }));
    for (const device of devices) {
      const { token } = await tokenFor(one, device, {}, [two]);
      const askers = [askerOf(device), askerOf(device)];
      const clients = [await connectEnrolling(one, token, device), await connectEnrolling(two, token, device)];
      const answers = await Promise.all(askers.map((asker, i) => asker.ask(clients[i]!)));
      expect(answers.map(({ type }) => type).sort()).toEqual(['enrolled', 'refused']);
    }
    const before = await enrolled(one, (await tokenFor(one, press, {}, [two])).token);
    const old = await connectTls(two, { ...before, clientId: 'old' });
    await old.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    const after = await enrolled(two, (await tokenFor(one, press, {}, [two])).token);
    const next = await connectTls(one, { ...after, clientId: 'new' });
    await next.publishAsync(dataTopic(press), packOf(press, 1), { qos: 1 });
    await waitFor('the end of the old session at the other gateway', long, () => !old.connected);
    await expect(connectTls(two, before)).rejects.toThrow();
    await connectTls(two, { ...after, clientId: 'elsewhere' });
  });
});
