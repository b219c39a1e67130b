import { LocalLog } from '../../../core/log/local-log.js';
import { systemClock } from '../../../core/runtime/clock.js';
import { silentLogger } from '../../../core/runtime/logger.js';
import { eventLogSuite } from '../../contracts/event-log-suite.js';
import { tempDir } from '../../support/temp-dir.js';

eventLogSuite('LocalLog', async () => {
  const directory = await tempDir();
  return {
    withinMs: 5000,
    open: async () => {
      const log = new LocalLog({ directory, clock: systemClock, logger: silentLogger });
      await log.start();
      return log;
    },
  };
});
