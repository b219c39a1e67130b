import type { AgentOptions, ScheduledSensor } from './agent.js';
import { sensorName, type EdgeConfig, type SensorConfig } from './config.js';
import { ProcessingPlan, type SensorProcessing } from './processing.js';
import { createSensor, driverProcessing, type DriverParts } from './sensors/registry.js';

/** A sensor with its schedule, and with what is to be done with its readings. */
export interface EdgeSensor extends ScheduledSensor {
  readonly processing?: SensorProcessing;
}

/** The sensors of a device, those configured and those handed in, and the way of their readings. */
export function edgeSensors(config: SensorsConfig, extra: readonly EdgeSensor[], parts: DriverParts) {
  const sensors = [...config.sensors.map((entry) => configured(entry, parts)), ...extra];
  const plan = new ProcessingPlan(config.channels, (channel, smallestStep, unit) => {
    const message = 'the tolerance is below the smallest step of the readings: little is saved';
    parts.logger.warn({ channel, smallestStep, unit }, message);
  });
  const own = new Map(sensors.map(({ name, processing }) => [name, processing]));
  return {
    sensors,
    pipelineFor: (channel, description, sensor) => plan.pipeline(channel, description, own.get(sensor)),
    describe: (channel, description, sensor) => plan.labelled(channel, description, own.get(sensor)),
  } satisfies Pick<AgentOptions, 'sensors' | 'pipelineFor' | 'describe'>;
}

type SensorsConfig = Pick<EdgeConfig, 'sensors' | 'channels'>;

function configured(entry: SensorConfig, parts: DriverParts): EdgeSensor {
  const { driver, intervalMs, timeoutMs } = entry;
  const sensor = createSensor(driver, entry, parts);
  return {
    name: sensorName(entry),
    sensor,
    intervalMs,
    timeoutMs,
    processing: { driver: driverProcessing(driver), own: entry },
  };
}
