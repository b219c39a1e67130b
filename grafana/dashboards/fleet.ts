import {
  DashboardBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { datasource } from '../buckets.js';
import { fleetPanels } from './panels.js';
import { variableQueries } from './queries.js';

function variable(name: keyof typeof variableQueries, label: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query(variableQueries[name])
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

/** Several may be chosen, or all: then the pattern that matches every name. */
function choice(name: 'site' | 'device', label: string): QueryVariableBuilder {
  const all = { text: 'All', value: '$__all', selected: true };
  return variable(name, label).multi(true).includeAll(true).allValue('.*').current(all);
}

/** The whole fleet on one page: what it measures, how much arrives, who is silent, what is wrong, what is missing. */
export function fleetDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Fieldline fleet')
    .uid('fieldline-fleet')
    .description('Made by grafana/build.ts: changes made here are overwritten.')
    .tags(['fieldline'])
    .time({ from: 'now-6h', to: 'now' })
    .timezone('browser')
    .refresh('30s')
    .readonly()
    .withVariable(choice('site', 'Site'))
    .withVariable(choice('device', 'Device'))
    .withVariable(variable('quantity', 'Quantity'));
  return fleetPanels.reduce((built, panel) => built.withPanel(panel), dashboard).build();
}
