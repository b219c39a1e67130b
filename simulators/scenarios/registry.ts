import type { Scenario } from './scenario.js';
import { smartBuilding } from './smart-building.js';
import { smartFactory } from './smart-factory.js';

export const scenarios = {
  'smart-factory': smartFactory,
  'smart-building': smartBuilding,
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;
