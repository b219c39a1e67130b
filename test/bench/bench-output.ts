/** What every bench prints as its last line. `ratio` is ours to the peer's of the same run; null where there is no peer. */
export interface BenchResult {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: string | null;
  readonly ratio: number | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface BenchOptions {
  readonly json: boolean;
  readonly quick: boolean;
}

export function benchOptions(argv: readonly string[]): BenchOptions {
  return { json: argv.includes('--json'), quick: argv.includes('--quick') };
}

export function printResult(result: BenchResult, { json }: BenchOptions): void {
  if (!json) {
    console.log(`${result.bench}: ${result.value} ${result.unit}`);
    for (const [name, value] of Object.entries(result.details))
      console.log(`  ${name.padEnd(28)} ${JSON.stringify(value)}`);
    return;
  }
  console.log(JSON.stringify(result));
}

/** The value below which `fraction` of the sorted samples lie (nearest rank). */
export function percentile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN;
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
