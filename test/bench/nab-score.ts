/** A labelled series with its scores; windows are first and last row, both included, in order. */
export interface ScoredSeries {
  readonly windows: readonly (readonly [first: number, last: number])[];
  readonly scores: readonly number[];
}

export interface NabScore {
  /** 0 for a detector that says nothing, 100 for a perfect one. */
  readonly score: number;
  /** The one threshold for all series that scores best. */
  readonly threshold: number;
  readonly windowsHit: number;
  readonly windows: number;
  readonly falseRows: number;
}

/** The standard profile: what a false row, a found window and a missed one count. */
const [falseWeight, missedWeight] = [0.11, 1];

/** One row from which on an alert would be given: its score, its window if it stands in one, and what it would count. */
interface Row {
  readonly score: number;
  readonly window: string | undefined;
  readonly value: number;
}

/**
 * The normalised score of the Numenta Anomaly Benchmark: A. Lavin, S. Ahmad: "Evaluating Real-time Anomaly Detection
 * Algorithms", ICMLA 2015, arXiv:1510.03336, sections III and IV.
 */
export function nabScore(series: readonly ScoredSeries[]): NabScore {
  const rows = series.flatMap((one, i) => rowsOf(one, i)).sort((a, b) => b.score - a.score);
  const reachable = new Set(rows.flatMap(({ window }) => window ?? []));
  const windows = series.reduce((sum, one) => sum + one.windows.length, 0);
  const none = -missedWeight * reachable.size;
  const best = sweep(rows, none);
  return { ...best, windows, score: (100 * (best.score - none)) / (windows - none) };
}

/** Lowers the threshold from row to row; rows of equal score come together. */
function sweep(rows: readonly Row[], none: number): Omit<NabScore, 'windows'> {
  const found = new Map<string, number>();
  let sum = none;
  let falseRows = 0;
  let best = { score: none, threshold: Infinity, windowsHit: 0, falseRows: 0 };
  rows.forEach(({ score, window, value }, i) => {
    if (window === undefined) {
      sum += falseWeight * value;
      falseRows += 1;
    } else {
      const before = found.get(window) ?? -missedWeight;
      sum += Math.max(0, value - before);
      found.set(window, Math.max(before, value));
    }
    const isLast = rows[i + 1]?.score !== score;
    if (isLast && sum > best.score + 1e-12) best = { score: sum, threshold: score, windowsHit: found.size, falseRows };
  });
  return best;
}

function rowsOf({ windows, scores }: ScoredSeries, series: number): Row[] {
  const probation = Math.min(Math.floor(0.15 * scores.length), 750);
  return scores
    .map((score, row): Row => {
      const inside = windows.findIndex(([first, last]) => row >= first && row <= last);
      if (inside >= 0) {
        const [first, last] = windows[inside]!;
        const value = sigmoid(-(last - row + 1) / (last - first + 1)) / sigmoid(-1);
        return { score, window: `${series}/${inside}`, value };
      }
      const closed = windows.findLast(([, last]) => last < row);
      return { score, window: undefined, value: closed ? sigmoid((row - closed[1]) / (closed[1] - closed[0])) : -1 };
    })
    .slice(probation);
}

function sigmoid(place: number): number {
  return place > 3 ? -1 : 2 / (1 + Math.exp(5 * place)) - 1;
}
