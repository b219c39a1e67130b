import type { Alert } from '../../contract/alert.js';
import { numericValue, type Reading } from '../../contract/reading.js';
import type { Detector } from '../filter.js';

export interface ThresholdOptions {
  readonly rule: string;
  readonly severity: Alert['severity'];
  readonly side: 'above' | 'below';
  /** In the sensor's unit. The alert is raised beyond it, not at it. */
  readonly threshold: number;
  /** How far, in the sensor's unit, the value must come back before the alert is cleared. Default 0. */
  readonly hysteresis?: number;
  /** How long, in microseconds of the readings' own time, the value must stay beyond first. Default 0. */
  readonly holdUs?: number;
  /**
   * Whether a marked spike counts as well. Otherwise no spike raises a false alarm, but a true jump is believed only
   * when the spike filter takes it for a step, some readings later. Default false.
   */
  readonly countSpikes?: boolean;
  /** For the message only. */
  readonly unit?: string;
}

/** Raises and clears one alert of one series. Readings that are doubted neither raise nor clear it. */
export class Threshold implements Detector {
  private readonly sign: 1 | -1;
  private readonly hysteresis: number;
  private readonly holdUs: number;
  private raised = false;
  private beyondSinceUs: number | undefined;

  constructor(private readonly options: ThresholdOptions) {
    this.sign = options.side === 'above' ? 1 : -1;
    this.hysteresis = options.hysteresis ?? 0;
    this.holdUs = options.holdUs ?? 0;
  }

  push(reading: Reading): Alert | undefined {
    if (!this.believes(reading)) return undefined;
    const value = numericValue(reading.value);
    if (value === undefined) return undefined;
    const excess = (value - this.options.threshold) * this.sign;
    if (this.raised) return excess <= -this.hysteresis ? this.change('cleared', reading, value) : undefined;
    if (excess <= 0) this.beyondSinceUs = undefined;
    else if (this.hasHeld(reading.timeUs)) return this.change('raised', reading, value);
    return undefined;
  }

  shift(byUs: number): void {
    if (this.beyondSinceUs !== undefined) this.beyondSinceUs += byUs;
  }

  private believes({ quality }: Reading): boolean {
    if (quality === 'spike') return this.options.countSpikes === true;
    return quality === 'good' || quality === 'uncertain';
  }

  private hasHeld(timeUs: number): boolean {
    // The clock may have stepped back.
    this.beyondSinceUs = Math.min(this.beyondSinceUs ?? timeUs, timeUs);
    return timeUs - this.beyondSinceUs >= this.holdUs;
  }

  private change(state: Alert['state'], { sensor, timeUs }: Reading, value: number): Alert {
    this.raised = state === 'raised';
    this.beyondSinceUs = undefined;
    const { rule, severity, threshold, side, unit = '' } = this.options;
    const relation = state === 'raised' ? side : `no longer ${side}`;
    const message = `${sensor} is ${shown(value)} ${unit}, ${relation} ${shown(threshold)} ${unit}`.replace(
      / (?=,|$)/g,
      '',
    );
    return { sensor, rule, state, severity, timeUs, value, threshold, message };
  }
}

function shown(value: number): string {
  return String(Number(value.toPrecision(6)));
}
