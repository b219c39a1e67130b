import { test } from 'vitest';
import { checkAgainstModel } from './duckdb-model.js';

test('whatever is written, repaired, pruned, shed and crashed, each reading counts once', () => checkAgainstModel(5));
