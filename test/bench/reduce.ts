/*
 * What leaves the edge in the smart factory: 5,000 sensors at 1 Hz, of which some devices are run for some hours and the
 * rest extrapolated. Bytes as they leave on the wire (packs as an agent cuts them, deflated, with their MQTT headers), and
 * whether the hourly mean, minimum and maximum of what is sent are those of all readings.
 *
 *   npm run bench:reduce -- [--json] [--quick]
 */
import { createHash } from 'node:crypto';
import { catalogueHash, catalogueUnits, type SensorDescription } from '../../core/contract/catalogue.js';
import { mqttTopic } from '../../core/contract/mqtt-topics.js';
import { encodePack } from '../../core/contract/pack.js';
import { windowSum, type Point, type Reading } from '../../core/contract/reading.js';
import type { Pipeline } from '../../core/signal/pipeline.js';
import { segmentValue } from '../../core/signal/segment-value.js';
import { channelDefaultsSchema, ProcessingPlan } from '../../edge/processing.js';
import { smartFactory } from '../../simulators/scenarios/smart-factory.js';
import type { SimulatedDevice } from '../../simulators/scenarios/scenario.js';
import { benchOptions, printResult, round } from './bench-output.js';

const options = benchOptions(process.argv);
const [devices, hours] = options.quick ? [1, 1] : [4, 3];
const factory = { sensors: 5000, sensorsPerDevice: 100, seed: 1, spikeProbability: 0.0002 };
const customerBytesPerReading = 50;
const goalShare = 0.1;
const startUs = Date.UTC(2026, 10, 21, 9, 0, 0) * 1000;
const hourSeconds = 3600;
const seconds = hours * hourSeconds;
const packMaxReadings = 500;
const site = 'plant1';

/** The ranges of common sensors of these kinds; one percent of them is the tolerance. */
const spans = { temperature: 100, vibration: 20, current: 30, pressure: 1_000_000 } as const;
const swingShare = 0.01;

const swingChannels = Object.fromEntries(
  Object.entries(spans).map(([name, span]) => [`${name}-*`, { reduce: { swing: `${swingShare * 100}%`, span } }]),
);
const modes = {
  raw: {},
  'window 10s': { '*': { reduce: { window: '10s' } } },
  'window 1m': { '*': { reduce: { window: '1m' } } },
  swing: swingChannels,
} as const;
type Mode = keyof typeof modes;

interface Hour {
  sum: number;
  count: number;
  min: number;
  max: number;
}

interface Totals {
  readings: number;
  points: number;
  context: number;
  packs: number;
  wireBytes: number;
  worstMean: number;
  worstMinMax: number;
}

const empty = (): Totals => ({
  readings: 0,
  points: 0,
  context: 0,
  packs: 0,
  wireBytes: 0,
  worstMean: 0,
  worstMinMax: 0,
});
const totals: Record<Mode, Totals> = { raw: empty(), 'window 10s': empty(), 'window 1m': empty(), swing: empty() };

class Device {
  private readonly names: readonly string[];
  private readonly values: readonly Float64Array[];

  constructor(private readonly simulated: SimulatedDevice) {
    this.names = Object.keys(simulated.sensors);
    this.values = this.names.map((name) =>
      Float64Array.from({ length: seconds }, (_, i) => simulated.signals[name]!(startUs + i * 1e6)),
    );
  }

  run(mode: Mode): void {
    const plan = new ProcessingPlan(channelDefaultsSchema.parse(modes[mode]));
    const { sensors } = this.simulated;
    const described = this.names.map((name) => plan.labelled(name, sensors[name]!));
    const pipelines = this.names.map((name) => plan.pipeline(name, sensors[name]!));
    const catalogue = Object.fromEntries(this.names.map((name, i) => [name, described[i]!]));
    const sent = new Map<string, Point[]>(this.names.map((name) => [name, []]));
    const wire = new Wire(this.simulated.device, catalogue, totals[mode]);
    const take = (points: readonly Point[]) => {
      wire.send(points);
      if (mode !== 'raw') for (const point of points) sent.get(point.sensor)!.push(point);
    };
    for (let second = 0; second < seconds; second += 1) take(this.tick(pipelines, second));
    const ended: Point[] = [];
    for (const pipeline of pipelines) pipeline.flush(Infinity, ended);
    take(ended);
    totals[mode].readings += this.names.length * seconds;
    if (mode === 'raw') return;
    for (const [i, name] of this.names.entries()) this.compare(mode, this.values[i]!, sent.get(name)!, described[i]!);
  }

  /** All sensors are read at the same moment, so what they send goes into one pack. */
  private tick(pipelines: readonly Pipeline[], second: number): Point[] {
    const points: Point[] = [];
    const timeUs = startUs + second * 1e6;
    for (const [i, sensor] of this.names.entries()) {
      const reading: Reading = { sensor, timeUs, value: this.values[i]![second]!, quality: 'good' };
      pipelines[i]!.push(reading, points, []);
    }
    return points;
  }

  private compare(mode: Mode, values: Float64Array, points: readonly Point[], channel: SensorDescription): void {
    const all = byHour((add) => values.forEach((value, i) => add(i, value)));
    const counted = points.filter(({ form }) => form !== 'context');
    const read = mode === 'swing' ? hoursOfSegments(counted, channel) : hoursOfWindows(counted);
    // In shares of the tolerance; windows are compared in shares of the value itself.
    const kind = channel.quantity as keyof typeof spans;
    const tolerance = mode === 'swing' ? spans[kind] * swingShare : 0;
    const total = totals[mode];
    for (const [i, { sum, count, min, max }] of all.entries()) {
      const other = read[i]!;
      if (other.count !== count) throw new Error(`${mode}: ${other.count} readings in an hour of ${count}`);
      const mean = Math.abs(other.sum / count - sum / count) / (tolerance || Math.abs(sum / count));
      const ends = Math.max(Math.abs(other.min - min), Math.abs(other.max - max)) / (tolerance || 1);
      total.worstMean = Math.max(total.worstMean, mean);
      total.worstMinMax = Math.max(total.worstMinMax, ends);
    }
  }
}

function byHour(
  fill: (add: (second: number, value: number, count?: number, min?: number, max?: number) => void) => void,
) {
  const found: Hour[] = Array.from({ length: hours }, () => ({ sum: 0, count: 0, min: Infinity, max: -Infinity }));
  fill((second, mean, count = 1, min = mean, max = mean) => {
    const hour = found[Math.floor(second / hourSeconds)]!;
    hour.sum += mean * count;
    hour.count += count;
    hour.min = Math.min(hour.min, min);
    hour.max = Math.max(hour.max, max);
  });
  return found;
}

const secondOf = (timeUs: number) => Math.round((timeUs - startUs) / 1e6);

function hoursOfWindows(points: readonly Point[]): Hour[] {
  return byHour((add) => {
    for (const { timeUs, value, window } of points) {
      const mean = Number(value);
      if (window) add(secondOf(timeUs), windowSum(mean, window) / window.count, window.count, window.min, window.max);
      else add(secondOf(timeUs), mean);
    }
  });
}

/** Read back at every second. */
function hoursOfSegments(points: readonly Point[], channel: SensorDescription): Hour[] {
  return byHour((add) => {
    let at = 0;
    for (let second = 0; second < seconds; second += 1) {
      const timeUs = startUs + second * 1e6;
      while (at + 1 < points.length && points[at + 1]!.timeUs <= timeUs) at += 1;
      const value = segmentValue(points[at]!, points[at + 1], timeUs, channel);
      if (value === undefined) throw new Error(`nothing is known of second ${second}`);
      add(second, value);
    }
  });
}

/** Counts packs as they leave: full ones, and one for each moment at which something was sent. */
class Wire {
  private readonly units: Map<string, string>;
  private readonly hash: string;
  private readonly headerBytes: number;
  private readonly epoch: string;
  private seq = 0;

  constructor(
    private readonly device: string,
    sensors: Record<string, SensorDescription>,
    private readonly total: Totals,
  ) {
    const catalogue = { site, device, sensors };
    this.units = catalogueUnits(catalogue);
    this.hash = catalogueHash(catalogue);
    this.epoch = createHash('sha256').update(device).digest('hex').slice(0, 32);
    // PUBLISH with QoS 1: type, three bytes of length at most, the topic with its length, and the packet's number.
    this.headerBytes = 1 + 3 + 2 + mqttTopic({ site, device }, 'data').length + 2;
  }

  send(points: readonly Point[]): void {
    for (let from = 0; from < points.length; from += packMaxReadings) {
      const some = points.slice(from, from + packMaxReadings);
      const { device, epoch, hash: catalogue } = this;
      const payload = encodePack({ site, device, epoch, seq: this.seq, catalogue, points: some }, this.units, 'zlib');
      this.seq += 1;
      this.total.packs += 1;
      this.total.points += some.length;
      this.total.context += some.filter(({ form }) => form === 'context').length;
      this.total.wireBytes += payload.byteLength + this.headerBytes;
    }
  }
}

for (const [i, simulated] of smartFactory(factory).slice(0, devices).entries()) {
  console.error(`device ${i + 1} of ${devices}: ${hours} h of ${factory.sensorsPerDevice} sensors at 1 Hz`);
  const device = new Device(simulated);
  for (const mode of Object.keys(modes) as Mode[]) device.run(mode);
}

const readingsPerDay = factory.sensors * 86_400;
const customerGbPerDay = (readingsPerDay * customerBytesPerReading) / 1e9;

function figures({ readings, points, context, packs, wireBytes, worstMean, worstMinMax }: Totals) {
  const gbPerDay = ((wireBytes / readings) * readingsPerDay) / 1e9;
  return {
    gbPerDay: round(gbPerDay, 3),
    shareOfCustomerRaw: `${round((100 * gbPerDay) / customerGbPerDay, 2)} %`,
    bytesPerReading: round(wireBytes / readings, 3),
    readingsPerPoint: round(readings / points, 2),
    contextShareOfReadings: `${round((100 * context) / readings, 2)} %`,
    pointsPerPack: round(points / packs, 1),
    worstMean,
    worstMinMax,
  };
}

const { raw, swing, 'window 10s': tenSeconds, 'window 1m': minute } = totals;
const isSmall = [minute, tenSeconds, swing].every(
  (total) => (total.wireBytes / total.readings) * readingsPerDay <= goalShare * customerGbPerDay * 1e9,
);
const isExact = [minute, tenSeconds].every(({ worstMean, worstMinMax }) => worstMean < 1e-12 && worstMinMax === 0);
const isBounded = swing.worstMean <= 1 && swing.worstMinMax <= 1;
const details = {
  scenario: `smart-factory, ${factory.sensors} sensors at 1 Hz, spikes with probability ${factory.spikeProbability}`,
  measured: `${devices} of ${factory.sensors / factory.sensorsPerDevice} devices for ${hours} h; a day of all is extrapolated`,
  customerRawGbPerDay: customerGbPerDay,
  goalGbPerDay: round(goalShare * customerGbPerDay, 3),
  raw: figures(raw),
  'window 10s': figures(tenSeconds),
  'window 1m': figures(minute),
  swing: figures(swing),
  swingTolerance: Object.fromEntries(Object.entries(spans).map(([name, span]) => [name, span * swingShare])),
  errorsAre: 'windows: mean relative, min and max absolute; swing: in tolerances, read back at every second',
  goalsMet: { tenPercent: isSmall, windowsExact: isExact, swingWithinTolerance: isBounded },
};
const value = Math.max(figures(minute).gbPerDay, figures(swing).gbPerDay);
printResult({ bench: 'reduce', value, unit: 'GB/day (of 21.6)', peer: null, ratio: null, details }, options);
if (!isSmall || !isExact || !isBounded) process.exitCode = 1;
