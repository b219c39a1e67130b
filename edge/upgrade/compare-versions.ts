/**
 * Below 0 if `a` is the older version, 0 if none is. As semver has it: numbers as numbers, `1.2.0-rc.1` before `1.2.0`,
 * what follows a `+` last; other words by their letters.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  return (
    compareLists(left.core, right.core) || comparePre(left.pre, right.pre) || compareLists(left.build, right.build)
  );
}

function split(version: string) {
  const [rest = '', build = ''] = cut(version, '+');
  const [core = '', pre] = cut(rest, '-');
  const words = (text: string) => text.split(/[._-]/).filter((word) => word !== '');
  return { core: words(core), pre: pre === undefined ? undefined : words(pre), build: words(build) };
}

function cut(text: string, at: string): [string, string?] {
  const index = text.indexOf(at);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}

function comparePre(a: readonly string[] | undefined, b: readonly string[] | undefined): number {
  if (a && b) return compareLists(a, b);
  return Number(b !== undefined) - Number(a !== undefined);
}

function compareLists(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = compareWords(a[i], b[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A word that is not there is the least; a number is less than a word. */
function compareWords(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined && right !== undefined) return left < right ? -1 : Number(left > right);
  if (left !== undefined || right !== undefined) return left !== undefined ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}

function numberOf(word: string): bigint | undefined {
  return /^\d+$/.test(word) ? BigInt(word) : undefined;
}
