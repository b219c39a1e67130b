import type { Clock } from '#core/runtime/clock.js';
import type { SensorFlow } from '../agent.js';

export interface FlowWatchOptions {
  readonly flow: () => ReadonlyMap<string, SensorFlow>;
  readonly clock: Clock;
  readonly everyMs: number;
}

/** So many pauses between readings are remembered for each sensor. */
const rememberedGaps = 8;
/** Fewer say nothing about its rhythm. */
const fewestGaps = 2;

interface Rhythm {
  useful: number;
  roseMs: number;
  readonly gapsMs: number[];
}

/** Knows which sensors give readings steadily, and so can be missed. */
export class FlowWatch {
  private rhythms = new Map<string, Rhythm>();

  constructor(private readonly options: FlowWatchOptions) {}

  /** Looks at the flow until `stopping` aborts. */
  async run(stopping: AbortSignal): Promise<void> {
    const { clock, everyMs } = this.options;
    while (!stopping.aborted) {
      this.look();
      await clock.sleep(everyMs, stopping);
    }
  }

  /** Sensors that gave readings of late, with pauses so short that one would show within `withinMs`. */
  steady(withinMs: number): string[] {
    this.look();
    const nowMs = this.options.clock.monotonicMs();
    return [...this.rhythms].flatMap(([name, { roseMs, gapsMs }]) => {
      const longestMs = Math.max(...gapsMs) + this.options.everyMs;
      const isSteady = gapsMs.length >= fewestGaps && longestMs * 2 <= withinMs && nowMs - roseMs <= longestMs * 2;
      return isSteady ? [name] : [];
    });
  }

  private look(): void {
    const nowMs = this.options.clock.monotonicMs();
    const next = new Map<string, Rhythm>();
    for (const [name, { useful }] of this.options.flow()) {
      const known = this.rhythms.get(name);
      // Less than before: the agent has another setup, and counts anew.
      if (!known || useful < known.useful) next.set(name, { useful, roseMs: nowMs, gapsMs: [] });
      else next.set(name, useful > known.useful ? risen(known, useful, nowMs) : known);
    }
    this.rhythms = next;
  }
}

function risen({ roseMs, gapsMs }: Rhythm, useful: number, nowMs: number): Rhythm {
  return { useful, roseMs: nowMs, gapsMs: [...gapsMs, nowMs - roseMs].slice(-rememberedGaps) };
}
