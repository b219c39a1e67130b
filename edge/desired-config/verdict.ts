import type { SensorFlow } from '../agent.js';

export interface Probation {
  readonly probationMs: number;
  /** The sensors that gave readings steadily before. */
  readonly sources: readonly string[];
  /** The readings since the config is in force. */
  readonly flow: ReadonlyMap<string, SensorFlow>;
  /** Whether the uplink's settings changed, and whether the gateway has acknowledged anything since. */
  readonly uplink: { readonly changed: boolean; readonly acknowledged: boolean };
}

/**
 * Why a config must go at the end of its probation; undefined if it may stay. Each sensor that flowed before and is
 * still configured must flow. If none of them is configured any more, that was meant, but then another one must flow.
 * A sensor whose readings are too far apart for the probation is not judged.
 */
export function verdict({ probationMs, sources, flow, uplink }: Probation): string | undefined {
  const within = `within ${probationMs / 1000} s`;
  const silent = sources.filter((name) => isSilent(flow.get(name), probationMs));
  if (silent.length > 0) return `no reading came from ${silent.join(', ')} ${within}`;
  if (sources.length > 0 && !sources.some((name) => flow.has(name))) {
    if (flow.size === 0) return 'no sensor is left';
    if ([...flow.values()].every((other) => isSilent(other, probationMs))) return `no reading came ${within}`;
  }
  if (uplink.changed && !uplink.acknowledged) return `the gateway acknowledged nothing ${within}`;
  return undefined;
}

function isSilent(sensor: SensorFlow | undefined, probationMs: number): boolean {
  return sensor !== undefined && sensor.useful <= 0 && sensor.intervalMs * 2 <= probationMs;
}
