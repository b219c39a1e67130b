import { test } from 'vitest';
import { checkActions } from './duckdb-model.js';

const today = (minute: number, kind: 'raw' | 'minute' | 'wide', offset = 0) => ({ daysAgo: 0, minute, kind, offset });

test.each(['wide', 'raw'] as const)(
  'a %s point that stood in the file before a restart is known again, also behind an older one',
  (kind) =>
    checkActions([
      { do: 'write', places: [today(500, kind)] },
      { do: 'crash' },
      { do: 'repair', daysAgo: 0 },
      { do: 'write', places: [today(0, kind === 'wide' ? 'minute' : 'raw', 1)] },
      { do: 'write', places: [today(500, kind)] },
    ]),
);
