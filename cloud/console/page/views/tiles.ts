import type { App } from '../app.js';
import type { DeviceView } from '../api/types.js';
import {
  durationMeasure,
  formatCount,
  formatDuration,
  plural,
  rateMeasure,
  shareMeasure,
  type Measure,
} from '../model/format.js';
import { arrivalOfAll } from '../model/arrival.js';
import { readyValue } from '../model/loadable.js';
import type { PointBuffer } from '../model/point-buffer.js';
import type { Scope } from '../model/scope.js';
import type { PipelineReport } from '../state/pipeline-data.js';
import { h, setText } from '../ui/h.js';
import { Sparkline } from '../ui/sparkline.js';

/** One figure of the overview with a line below it. */
class Tile {
  readonly element: HTMLElement;
  private readonly number = h('span', { class: 'tile-number' }, '–');
  private readonly unit = h('span', { class: 'tile-unit' });
  private readonly note = h('p', { class: 'tile-note' }, '\u00a0');
  private readonly spark = new Sparkline();
  private readonly bar = h('div', { class: 'tile-bar' }, h('div'));

  constructor(label: string, explanation: string) {
    const value = h('p', { class: 'tile-value' }, this.number, this.unit);
    this.element = h('article', { class: 'card tile', title: explanation }, h('h2', null, label), value, this.note);
  }

  show(value: Measure, note: string, trend?: PointBuffer): void {
    setText(this.number, value.number);
    setText(this.unit, value.unit);
    setText(this.note, note);
    if (!trend) return;
    if (!this.spark.element.isConnected) this.element.append(this.spark.element);
    this.spark.draw(trend.track());
  }

  /** Shows a share as a bar at the foot. */
  showShare(share: number): void {
    if (!this.bar.isConnected) this.element.append(this.bar);
    (this.bar.firstElementChild as HTMLElement).style.width = `${100 * share}%`;
  }

  /** Sets the tile apart when its figure asks for a look. */
  mark(kind: 'warn' | 'bad' | undefined): void {
    this.element.classList.toggle('warn', kind === 'warn');
    this.element.classList.toggle('bad', kind === 'bad');
  }
}

export function buildTiles(app: App, scope: Scope): HTMLElement {
  const tiles = {
    rate: new Tile('Readings', 'Readings that reached the log, per second'),
    latency: new Tile(
      'End to end, p99',
      'From the sensor to the store: 99 of 100 readings of the last minute were faster',
    ),
    devices: new Tile('Devices online', 'Devices that are connected, of all that ever announced themselves'),
    outbox: new Tile('Outbox depth', 'Packs that wait on the devices online for the gateway’s acknowledgement'),
    complete: new Tile('Completeness', 'Packs in the store, of all that the devices made and that had time to arrive'),
  };
  const showReport = (report: PipelineReport | undefined): void => report && showPipeline(app, tiles, report);
  scope.add(app.pipeline.report.follow(showReport));
  scope.add(app.fleet.devices.follow((devices) => showCompleteness(tiles.complete, readyValue(devices))));
  const all = Object.values(tiles).map(({ element }) => element);
  return h('section', { class: 'tiles', 'aria-label': 'Key figures' }, ...all);
}

function showPipeline(
  app: App,
  tiles: Record<'rate' | 'latency' | 'devices' | 'outbox', Tile>,
  { view, flows }: PipelineReport,
): void {
  const { trends } = app.pipeline;
  const total = flows.find(({ stage }) => stage === 'ingest')?.out;
  tiles.rate.show(
    rateMeasure(view.readingsPerSecond),
    total === undefined ? '' : `${formatCount(total)} since start`,
    trends.rate,
  );
  const { latencyMs } = view;
  const latency = latencyMs ? durationMeasure(latencyMs.p99) : { number: '–', unit: '' };
  const note = latencyMs
    ? `median ${formatDuration(latencyMs.p50)}, worst ${formatDuration(latencyMs.max)}`
    : 'no readings in the last minute';
  tiles.latency.show(latency, note, trends.p99);
  const offline = view.devicesTotal - view.devicesOnline;
  const of = { number: formatCount(view.devicesOnline), unit: `of ${formatCount(view.devicesTotal)}` };
  tiles.devices.show(of, offline === 0 ? 'none offline' : `${formatCount(offline)} offline`, trends.online);
  tiles.devices.mark(offline > 0 ? 'warn' : undefined);
  const packs = { number: formatCount(view.outboxPending), unit: view.outboxPending === 1 ? 'pack' : 'packs' };
  tiles.outbox.show(packs, 'waiting on devices', trends.pending);
}

function showCompleteness(tile: Tile, devices: readonly DeviceView[] | undefined): void {
  const { made, stored, onTheWay } = arrivalOfAll(devices ?? []);
  if (made === 0) return tile.show(shareMeasure(null), devices === undefined ? '' : 'no packs announced yet');
  const missing = made - onTheWay - stored;
  const share = Math.min(1, stored / Math.max(1, made - onTheWay));
  const way = onTheWay > 0 ? `, ${formatCount(onTheWay)} on the way` : '';
  const words = missing > 0 ? `${plural(missing, 'pack')} missing` : `${formatCount(stored)} packs stored`;
  tile.show(shareMeasure(share), words + way);
  tile.showShare(share);
  tile.mark(missing > 0 ? 'warn' : undefined);
}
