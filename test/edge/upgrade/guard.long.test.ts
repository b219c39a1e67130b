import { test } from 'vitest';
import { pullPlugs, upgradeEnds } from './guarded.js';

test.each(upgradeEnds)('wherever at all the plug is pulled, an upgrade that is %s comes to its end', (end) =>
  pullPlugs(end, 1),
);
