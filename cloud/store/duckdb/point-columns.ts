import { numericValue, type Point } from '#core/contract/reading.js';
import { formCodes, isMinusZero, minusZero, qualityCodes } from './codes.js';
import type { ColumnData, ColumnKind } from './table-appender.js';

/**
 * Points on their way into the table `points`, column by column. What only windows have is 0 for the others: nulls are
 * many times slower to append, and no smaller in the file.
 */
export class PointColumns {
  static readonly kinds: readonly ColumnKind[] = [
    ...(['number', 'number', 'number', 'number', 'number', 'text'] as const),
    ...(['number', 'number', 'number', 'number', 'number', 'number', 'number'] as const),
  ];

  private readonly series: number[] = [];
  private readonly times: number[] = [];
  private readonly forms: number[] = [];
  private readonly flags: number[] = [];
  private readonly values: number[] = [];
  private readonly texts: (string | null)[] = [];
  private readonly spans: number[] = [];
  private readonly counts: number[] = [];
  private readonly minima: number[] = [];
  private readonly maxima: number[] = [];
  private readonly firsts: number[] = [];
  private readonly lasts: number[] = [];
  private readonly percentiles: number[] = [];

  get length(): number {
    return this.series.length;
  }

  push(seriesId: number, point: Point): void {
    const { value, window } = point;
    this.series.push(seriesId);
    this.times.push(point.timeUs);
    this.forms.push(formCodes[point.form]);
    this.flags.push(flagsOf(point));
    this.values.push(numericValue(value) ?? Number.NaN);
    this.texts.push(typeof value === 'string' ? value : null);
    this.spans.push(window?.spanUs ?? 0);
    this.counts.push(window?.count ?? 0);
    this.minima.push(window?.min ?? 0);
    this.maxima.push(window?.max ?? 0);
    this.firsts.push(window?.first ?? 0);
    this.lasts.push(window?.last ?? 0);
    this.percentiles.push(window ? (window.p95 ?? Number.NaN) : 0);
  }

  columns(): ColumnData[] {
    const { series, times, forms, flags, values, texts, spans, counts, minima, maxima, firsts, lasts } = this;
    return [series, times, forms, flags, values, texts, spans, counts, minima, maxima, firsts, lasts, this.percentiles];
  }
}

function flagsOf({ quality, value, window }: Point): number {
  let flags = qualityCodes[quality];
  if (value === 0 && isMinusZero(value)) flags |= minusZero.value;
  if (!window) return flags;
  if (isMinusZero(window.min)) flags |= minusZero.min;
  if (isMinusZero(window.max)) flags |= minusZero.max;
  if (isMinusZero(window.first)) flags |= minusZero.first;
  if (isMinusZero(window.last)) flags |= minusZero.last;
  return flags;
}
