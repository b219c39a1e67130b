import { expect, it } from 'vitest';
import { logTopics } from '../../../core/contract/log-topics.js';
import { LocalLog } from '../../../core/log/local-log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { waitFor } from '../../servers/wait-for.js';
import { tempDir } from '../../support/temp-dir.js';
import { dataTopic, packOf, press } from '../harness.js';
import { askerOf, connectEnrolling, connectTls, long, startEnrolment, stateOf, tokenFor } from './enrolling.js';
import { gatewayOver } from './gateway-over.js';

it('a log on disk tells a gateway that starts anew whose the token is, and that it was used', async () => {
  const directory = await tempDir();
  const open = async () => {
    const log = new LocalLog({ directory, clock: systemClock, logger: silentLogger });
    await log.start();
    await log.ensureTopics(Object.values(logTopics));
    return log;
  };
  const like = await startEnrolment();
  const asker = askerOf();
  let log = await open();
  let test = await gatewayOver(log, like);
  const { id, token } = await tokenFor(test);
  const answer = await asker.ask(await connectEnrolling(test, token));
  for (const state of ['bound', 'used']) {
    await test.gateway.stop(1000);
    await log.stop(1000);
    log = await open();
    test = await gatewayOver(log, like);
    expect(await stateOf(test, press, id)).toBe(state);
    if (state === 'used' || answer.type !== 'enrolled') continue;
    expect(await asker.ask(await connectEnrolling(test, token))).toEqual(answer);
    const client = await connectTls(test, { key: asker.key, cert: answer.certificate });
    await client.publishAsync(dataTopic(press), packOf(press, 0), { qos: 1 });
    await waitFor('the end of the token', long, async () => (await stateOf(test, press, id)) === 'used');
  }
  expect(await askerOf().ask(await connectEnrolling(test, token))).toMatchObject({ type: 'refused' });
  await test.gateway.stop(1000);
  await log.stop(1000);
});
