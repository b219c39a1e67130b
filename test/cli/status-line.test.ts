import { stripVTControlCharacters } from 'node:util';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { StageMeter } from '../../core/runtime/metrics.js';
import { MergedRegistry } from '../../cli/merged-registry.js';
import { statusLine } from '../../cli/status-line.js';
import { sumStages } from '../../cli/sum-stages.js';

it('is one line with rate, latency, devices and outbox, and what is wrong', () => {
  const status = {
    readingsPerSecond: 5012.4,
    latencyP99Ms: 83.6,
    devicesOnline: 10,
    devicesTotal: 11,
    outboxPending: 1204,
    troubles: ['the log takes nothing'],
  };
  expect(stripVTControlCharacters(statusLine(status))).toBe(
    '5,012 readings/s · end-to-end p99 84 ms · 10/11 devices online · outbox 1,204 · the log takes nothing',
  );
});

it('stages of one kind are added up', () => {
  const meters = ['edge_agent', 'edge_outbox', 'edge_agent'].map((stage) => new StageMeter(stage, new Registry()));
  for (const meter of meters) {
    meter.in(10);
    meter.out(7);
    meter.drop('spike', 2);
  }
  expect(sumStages(meters.map((meter) => meter.snapshot()))).toEqual([
    { stage: 'edge_agent', in: 20, out: 14, dropped: 4, inFlight: 2, reasons: { spike: 4 } },
    { stage: 'edge_outbox', in: 10, out: 7, dropped: 2, inFlight: 1, reasons: { spike: 2 } },
  ]);
});

it('one scrape shows the metrics of every agent, told apart by its labels', async () => {
  const registry = new MergedRegistry();
  for (const device of ['a', 'b']) new StageMeter('edge_agent', registry.child({ device })).in(3);
  const text = await registry.metrics();
  for (const device of ['a', 'b'])
    expect(text).toContain(`fieldline_edge_agent_readings_in_total{device="${device}"} 3`);
  expect(text.match(/# TYPE fieldline_edge_agent_readings_in_total/g)).toHaveLength(1);
});
