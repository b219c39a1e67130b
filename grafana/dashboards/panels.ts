import { LegendPlacement, VizLegendOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeseriesPanel } from '@grafana/grafana-foundation-sdk/timeseries';
import { datasource } from '../buckets.js';
import { FluxQueryBuilder } from './flux-query.js';
import * as queries from './queries.js';

const series = '${__field.labels.site}/${__field.labels.device}/${__field.labels.sensor}';

function chart(title: string, description: string, ...targets: FluxQueryBuilder[]): TimeseriesPanel {
  const panel = new TimeseriesPanel().title(title).description(description).datasource(datasource).height(9);
  const legend = new VizLegendOptionsBuilder().showLegend(true).placement(LegendPlacement.Bottom);
  panel.lineWidth(1).fillOpacity(0).legend(legend);
  return targets.reduce((built, target) => built.withTarget(target), panel);
}

function table(title: string, description: string, query: string): TablePanel {
  const panel = new TablePanel().title(title).description(description).datasource(datasource).height(9);
  return panel.withTarget(new FluxQueryBuilder('A', query));
}

const values = chart(
  '${quantity}',
  'Every sensor of the chosen sites and devices, averaged over the steps of the chart.',
  new FluxQueryBuilder('A', queries.values),
)
  .displayName(series)
  .span(24);

const hourly = chart(
  '${quantity}: hourly mean, minimum and maximum of the last week',
  'From the hourly rollups. An hour that is still open is brought up to date every few minutes.',
  new FluxQueryBuilder('A', queries.hourlyMean),
  new FluxQueryBuilder('B', queries.hourlyMin),
  new FluxQueryBuilder('C', queries.hourlyMax),
)
  .displayName(`${series} \${__field.name}`)
  .timeFrom('7d')
  .span(24);

const rate = chart(
  'Readings per second',
  'By site. A window stands for as many readings as it counted.',
  new FluxQueryBuilder('A', queries.readingsPerSecond),
)
  .displayName('${__field.labels.site}')
  .unit('cps')
  .min(0)
  .span(12);

const lastSeen = table(
  'Devices, the longest silent first',
  'The newest stamp of each device that was heard of within a week.',
  queries.lastSeen,
)
  .overrideByName('last seen', [{ id: 'unit', value: 'dateTimeFromNow' }])
  .span(12);

const alerts = table('Alerts', 'The newest 200 of the time range.', queries.alerts).span(24);

const completeness = table(
  'Packs received',
  'Of the pack numbers of each outbox, up to the newest that arrived. An outbox begins a new life, or epoch, when it is made anew.',
  queries.completeness,
)
  .overrideByName('completeness', [
    { id: 'unit', value: 'percentunit' },
    { id: 'decimals', value: 3 },
  ])
  .span(24);

/** The panels of the fleet dashboard, from the top. */
export const fleetPanels: readonly Builder<Panel>[] = [values, hourly, rate, lastSeen, alerts, completeness];
