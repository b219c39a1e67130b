/** A line of Influx line protocol, taken apart; names and tag values without their escapes. */
export interface Line {
  /** Measurement and tags as they were written: equal text, equal series. */
  readonly series: string;
  readonly fields: readonly (readonly [name: string, value: number | string | boolean])[];
  /** As written; undefined if it has none. */
  readonly timestamp: string | undefined;
}

/** What stands in {@link Line.series}. */
export interface Series {
  readonly measurement: string;
  readonly tags: readonly (readonly [name: string, value: string])[];
}

/** Why a line cannot be read. */
export class LineFault extends Error {
  override readonly name = 'LineFault';
}

const [backslash, quote, comma, equals, space, newline, hash, tab, carriageReturn] = [
  92, 34, 44, 61, 32, 10, 35, 9, 13,
];
const [int64Min, int64Max, uint64Max] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n];

/**
 * The lines of a text, one after the other: where a line cannot be read its fault comes in its place, and the next line
 * is read on. Comments and empty lines are passed over. A quoted string may hold line breaks.
 */
export function* parseLines(text: string): Generator<Line | LineFault> {
  const reader = new LineReader(text);
  while (reader.toLine()) yield reader.line();
}

/** Takes apart the series of a line that was read. Throws {@link LineFault}. */
export function parseSeries(series: string): Series {
  const [measurement, ...tags] = splitBy(series, comma);
  if (measurement === undefined || measurement === '') throw new LineFault('no measurement');
  const pairs = tags.map((tag) => {
    const [name, value, ...rest] = splitBy(tag, equals);
    if (!name || !value || rest.length > 0) throw new LineFault(`a tag is not name=value: ${tag.slice(0, 60)}`);
    return [unescape(name), unescape(value)] as const;
  });
  return { measurement: unescape(measurement), tags: pairs };
}

class LineReader {
  private at = 0;

  constructor(private readonly text: string) {}

  /** Whether there is another line; it is the next to be read. */
  toLine(): boolean {
    const { text } = this;
    for (; this.at < text.length; this.at += 1) {
      const code = text.charCodeAt(this.at);
      if (code === hash) this.skipLine();
      else if (!isBlank(code) && code !== newline) return true;
    }
    return false;
  }

  line(): Line | LineFault {
    try {
      const series = this.upTo(space);
      if (series === '' || series.startsWith(',')) throw new LineFault('no measurement');
      this.skipSpaces();
      const fields = this.fields();
      this.skipSpaces();
      const timestamp = this.word();
      this.skipSpaces();
      if (!this.atLineEnd()) throw new LineFault('text behind the timestamp');
      return { series, fields, timestamp: timestamp === '' ? undefined : timestamp };
    } catch (error) {
      this.skipLine();
      if (error instanceof LineFault) return error;
      throw error;
    }
  }

  private fields(): [string, number | string | boolean][] {
    const fields: [string, number | string | boolean][] = [];
    do {
      const name = this.upTo(equals);
      if (name === '' || this.text.charCodeAt(this.at) !== equals) throw new LineFault('a field is not name=value');
      this.at += 1;
      fields.push([unescape(name), this.text.charCodeAt(this.at) === quote ? this.string() : literal(this.value())]);
    } while (this.text.charCodeAt(this.at) === comma && (this.at += 1));
    return fields;
  }

  /** Up to the delimiter, or to whatever ends a name: a space or the end of the line. Escapes are passed over. */
  private upTo(delimiter: number): string {
    const { text } = this;
    const start = this.at;
    for (; this.at < text.length; this.at += 1) {
      const code = text.charCodeAt(this.at);
      if (code === backslash && text.charCodeAt(this.at + 1) !== newline) this.at += 1;
      else if (code === delimiter || code === space || code === newline) break;
    }
    return text.slice(start, this.at);
  }

  private value(): string {
    const start = this.at;
    for (; this.at < this.text.length; this.at += 1) {
      const code = this.text.charCodeAt(this.at);
      if (code === comma || code === newline || isBlank(code)) break;
    }
    return this.text.slice(start, this.at);
  }

  private string(): string {
    const start = (this.at += 1);
    for (; this.at < this.text.length; this.at += 1) {
      const code = this.text.charCodeAt(this.at);
      if (code === backslash) this.at += 1;
      else if (code === quote) {
        this.at += 1;
        return this.text.slice(start, this.at - 1).replace(/\\(["\\])/g, '$1');
      }
    }
    // The rest belongs to the string that has no end; what may be lines in it cannot be told.
    throw new LineFault('a string without an end');
  }

  private word(): string {
    const start = this.at;
    while (!this.atLineEnd() && !isBlank(this.text.charCodeAt(this.at))) this.at += 1;
    return this.text.slice(start, this.at);
  }

  private skipSpaces(): void {
    while (isBlank(this.text.charCodeAt(this.at))) this.at += 1;
  }

  private skipLine(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end === -1 ? this.text.length : end;
  }

  private atLineEnd(): boolean {
    return this.at >= this.text.length || this.text.charCodeAt(this.at) === newline;
  }
}

function isBlank(code: number): boolean {
  return code === space || code === tab || code === carriageReturn;
}

/** Parts between delimiters that are not escaped. */
function splitBy(text: string, delimiter: number): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === backslash) at += 1;
    else if (code === delimiter) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** A backslash escapes comma, equals sign and space; before anything else it is only a backslash. */
function unescape(text: string): string {
  return text.includes('\\') ? text.replace(/\\([,= \\])/g, '$1') : text;
}

const floatPattern = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const integerPattern = /^[+-]?\d{1,20}[iu]$/;
const booleans = new Map([
  ...['t', 'T', 'true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['f', 'F', 'false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);

/** A number or a boolean. Integers beyond 2^53 become the nearest number, as in every store that has doubles. */
function literal(text: string): number | boolean {
  const boolean = booleans.get(text);
  if (boolean !== undefined) return boolean;
  if (integerPattern.test(text)) return integer(text);
  const value = floatPattern.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(value)) throw new LineFault(`not a value: ${text.slice(0, 60)}`);
  return value;
}

function integer(text: string): number {
  const value = BigInt(text.slice(text.startsWith('+') ? 1 : 0, -1));
  const [min, max] = text.endsWith('i') ? [int64Min, int64Max] : [0n, uint64Max];
  if (value < min || value > max) throw new LineFault(`an integer out of its range: ${text.slice(0, 60)}`);
  return Number(value);
}
