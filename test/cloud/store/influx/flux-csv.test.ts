import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FluxCsv, type FluxRow } from '../../../../cloud/store/influx/flux-csv.js';

/** Writes as InfluxDB does: rows end in CRLF, and so do the lines within a quoted cell. */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""').replaceAll('\n', '\r\n')}"` : text;
}

function block(header: readonly string[], rows: readonly (readonly string[])[], result = '_result'): string {
  const line = (cells: readonly string[]) => `${['', ...cells].map(cell).join(',')}\r\n`;
  const annotations = `#datatype,string\r\n#default,${result}\r\n`;
  return (
    annotations + line(['result', 'table', ...header]) + rows.map((row) => line(['', '0', ...row])).join('') + '\r\n'
  );
}

function parse(text: string, cuts: readonly number[] = []): FluxRow[] {
  const csv = new FluxCsv();
  const ends = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
  return ends.flatMap((end, i) => csv.push(text.slice(ends[i - 1] ?? 0, end)));
}

const cellText = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '#', 'ä', ' '), maxLength: 6 });

test('reads every cell as it was written, wherever the text is cut', () => {
  const tables = fc.array(
    fc.record({
      header: fc.uniqueArray(fc.constantFrom('_time', '_value', 'x', 'y'), { minLength: 1, maxLength: 4 }),
      rows: fc.array(fc.array(cellText, { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
    }),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(tables, fc.array(fc.nat(), { maxLength: 5 }), (blocks, cuts) => {
      const text = blocks
        .map(({ header, rows }) =>
          block(
            header,
            rows.map((row) => row.slice(0, header.length)),
          ),
        )
        .join('');
      const expected = blocks.flatMap(({ header, rows }) =>
        rows.map((row) => header.map((_name, i) => row[i]!.replaceAll('\n', '\r\n'))),
      );
      const rows = parse(text, cuts);
      const columns = blocks.flatMap(({ header, rows: all }) => all.map(() => header));
      expect(rows.map((row, i) => columns[i]!.map((name) => row.get(name)))).toEqual(expected);
    }),
  );
});

test('names the result of each row, and knows which columns a block lacks', () => {
  const rows = parse(block(['a'], [['1'], ['2']], 'sum') + block(['b'], [['']], 'count'));
  expect(rows.map((row) => [row.result, row.get('a'), row.get('b')])).toEqual([
    ['sum', '1', undefined],
    ['sum', '2', undefined],
    ['count', undefined, ''],
  ]);
});
