import { outboxSuite } from '../../contracts/outbox-suite.js';
import { openLevel } from './level-under-test.js';

outboxSuite({ name: 'LevelDB', durable: true, runs: 12, open: (options) => openLevel(options) });
