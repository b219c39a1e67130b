import { test } from 'vitest';
import { killRepeatedly } from './kill-repeatedly.js';

test('10 times kill -9: nothing acknowledged is lost or there twice', { timeout: 120_000 }, () => killRepeatedly(10));
