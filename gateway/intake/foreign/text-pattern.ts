/**
 * A pattern such as `{site}/{device}/{sensor}`: literal text around placeholders that each take one character or more, as
 * few as will do. `{_}` takes text that nobody wants. Matching takes time in proportion to the text.
 */
export class TextPattern {
  /** The placeholders, in order. */
  readonly names: readonly string[];
  /** One more than there are names. */
  private readonly literals: readonly string[];

  constructor(pattern: string) {
    const parts = pattern.split(/\{([a-z_]+)\}/);
    this.literals = parts.filter((_, i) => i % 2 === 0);
    this.names = parts.filter((_, i) => i % 2 === 1);
  }

  /** What stands in the text for each placeholder; undefined if it does not match. */
  match(text: string): Readonly<Record<string, string>> | undefined {
    const [first, ...literals] = this.literals;
    if (!text.startsWith(first!)) return undefined;
    const found: Record<string, string> = {};
    let at = first!.length;
    for (const [i, name] of this.names.entries()) {
      const literal = literals[i]!;
      const isLast = i === this.names.length - 1;
      const end = isLast ? text.length - literal.length : text.indexOf(literal, at + 1);
      if (end <= at || (isLast && !text.endsWith(literal))) return undefined;
      found[name] = text.slice(at, end);
      at = end + literal.length;
    }
    return at === text.length ? found : undefined;
  }
}

/** A fault of the pattern in a few words; undefined if it can be used. */
export function patternFault(pattern: string, allowed: readonly string[]): string | undefined {
  const { names } = new TextPattern(pattern);
  if (names.length === 0) return 'has no {placeholder}';
  if (/\}\{/.test(pattern)) return 'needs text between two placeholders';
  const wanted = names.filter((name) => name !== '_');
  const unknown = wanted.find((name) => !allowed.includes(name));
  if (unknown !== undefined) return `{${unknown}} is none of ${allowed.map((name) => `{${name}}`).join(' ')}`;
  return new Set(wanted).size < wanted.length ? 'has a placeholder twice' : undefined;
}
