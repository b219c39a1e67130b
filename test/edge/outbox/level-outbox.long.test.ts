import { outboxSuite } from '../../contracts/outbox-suite.js';
import { openLevel } from './level-under-test.js';

outboxSuite({ name: 'LevelDB, many sequences', durable: true, runs: 1000, open: (options) => openLevel(options) });
