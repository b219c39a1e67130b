import { test } from 'vitest';
import { killRepeatedly } from './kill-repeatedly.js';

test('100 times kill -9: nothing acknowledged is lost or there twice', () => killRepeatedly(100));
