import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import {
  refuseUnprintable,
  shellWord,
  tomlText,
  tomlTexts,
  yamlText,
} from '../../../../edge/image/first-boot/quote.js';

const printable = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => {
  try {
    refuseUnprintable(text, 'it');
    return true;
  } catch {
    return false;
  }
});
const unkind = [
  `'`,
  `''`,
  `"`,
  `\\`,
  `\\'`,
  '$HOME',
  '`id`',
  '$(id)',
  '!',
  '#',
  ': ',
  '- a',
  '{{ a }}',
  '~',
  'yes',
  '0x1',
  '🦆',
];

describe('what is quoted is read as it was', () => {
  test('by YAML, 1.1 and 1.2', () => {
    fc.assert(
      fc.property(printable, (text) => {
        for (const version of ['1.1', '1.2'] as const)
          expect(parseYaml(`a: ${yamlText(text)}`, { version })).toEqual({ a: text });
      }),
      { examples: unkind.map((text) => [text]) },
    );
  });

  test('by TOML, in which no other escape stands than the device knows', () => {
    fc.assert(
      fc.property(fc.array(printable), (texts) => {
        expect(parseToml(`a = ${tomlTexts(texts)}`)).toEqual({ a: texts });
        for (const text of texts) {
          if (tomlText(text).startsWith('"')) expect(tomlText(text).replaceAll(/\\[\\"]/g, '')).not.toContain('\\');
        }
      }),
      { examples: [[unkind]] },
    );
  });

  test('by a shell', () => {
    fc.assert(
      fc.property(
        fc.array(
          printable.filter((text) => !text.includes('\0')),
          { maxLength: 20 },
        ),
        (texts) => {
          const script = `printf '%s\\n' ${texts.map(shellWord).join(' ')}`;
          expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(`${texts.join('\n')}\n`);
        },
      ),
      { examples: [[unkind]], numRuns: 30 },
    );
  });
});

describe('refuseUnprintable', () => {
  test.each(['a\nb', 'a\rb', '\0', '\x1b[0m', '\x7f', '\u0085', '\u2028', '\ufeff', '\ud83d', '\udc00a'])(
    'refuses %j',
    (bad) => {
      expect(() => refuseUnprintable(bad, 'the SSID')).toThrow(/^the SSID has a line end/);
    },
  );

  test.each([' ', 'ü', '日本', '🦆', "'"])('takes %j', (good) => {
    expect(() => refuseUnprintable(good, 'it')).not.toThrow();
  });
});
