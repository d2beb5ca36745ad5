/** Oniguruma's expressions in JavaScript: what they match, and what is refused by name. */
import { describe, expect, test } from 'vitest';
import { fromOniguruma, literalPattern, PatternError } from '../../src/tokenizer/oniguruma.ts';

const matches = (source: string, text: string): string[] => text.match(new RegExp(fromOniguruma(source), 'gu')) ?? [];

describe('what a pattern matches', () => {
  // expected by Oniguruma's documentation of its Ruby syntax with Unicode strings (doc/RE)
  test.each<[string, string, string[]]>([
    ['a|b+', 'abba', ['a', 'bb', 'a']],
    [String.raw`\s+`, 'a\u0085 \ufeff\u3000', ['\u0085 ', '\u3000']],
    [String.raw`\S`, '\u0085\ufeff', ['\ufeff']],
    [String.raw`\d+|\D`, '1٣a', ['1٣', 'a']],
    [String.raw`\w+`, 'aé_1-e\u0301!', ['aé_1', 'e\u0301']],
    [String.raw`\W`, 'a-b', ['-']],
    [String.raw`[\w-]+`, 'a-b c', ['a-b', 'c']],
    [String.raw`[^\s\p{L}]`, 'a 1', ['1']],
    [String.raw`[\S]+`, 'ab c', ['ab', 'c']],
    [String.raw`\p{^L}\P{N}`, '1a11', ['1a']],
    [String.raw`\p{Han}+\p{Lu}`, '漢字A', ['漢字A']],
    [String.raw`.`, 'a\n\r', ['a', '\r']],
    [String.raw`(ab)+(?=c)`, 'ababc ab', ['abab']],
    [String.raw`(?<=a)b(?!c)(?<!x)`, 'ab abc', ['b']],
    [String.raw`a{2}|b{,2}c|d{1,}`, 'aaa bbc ddd', ['aa', 'bbc', 'ddd']],
    [String.raw`a+?b??`, 'aab', ['a', 'a']],
    [String.raw`\u0041\x{1F600}\x42\t\n\r\f\v\a\e`, 'A😀B\t\n\r\f\v\x07\x1b', ['A😀B\t\n\r\f\v\x07\x1b']],
    [String.raw`[\]\-\[a-c&!]+`, ']-[abc&!d', [']-[abc&!']],
    [String.raw`[a-]`, 'a-b', ['a', '-']],
    ['/"\'#', '/"\'#', ['/"\'#']],
    ["(?i:'s|'Re|[k1-3])x", "'Sx'ſx'rEx'rex\u212ax2xKx", ["'Sx", "'ſx", "'rEx", "'rex", '\u212ax', '2x', 'Kx']],
    ['(?i:a(?-i:b)c)(?:d)e', 'AbCde ABcde abcDe', ['AbCde']],
    ['(?i:a(b))c', 'ABc ABC', ['ABc']],
    ['\u4e00-\u9fa5|[\u4e00-\u9fa5]', '字', ['字']],
  ])('%s', (source, text, expected) => {
    expect(matches(source, text)).toEqual(expected);
  });

  test('a fixed string is matched as it is', () => {
    const text = 'a.b*[c]\\d{2}^$|(é)😀';
    expect(`x${text}y`.match(new RegExp(literalPattern(text), 'gu'))).toEqual([text]);
  });
});

describe('refused', () => {
  test.each<[string, string]>([
    ['^a', 'has ^'],
    ['a$', 'has $'],
    ['a++', 'has the possessive ++'],
    ['a{1,2}+', 'has the possessive {1,2}+'],
    ['a{2}?', 'has {2}?'],
    ['a{,}', 'has {,}'],
    ['a{x}', 'has {'],
    ['(?>a)', 'has (?>a'],
    ['(?<n>a)', 'has (?<n'],
    ['(?i)a', 'has (?i)'],
    [String.raw`\bа`, String.raw`has \b`],
    [String.raw`(a)\1`, String.raw`has \1`],
    [String.raw`\R`, String.raw`has \R`],
    ['\\', 'ends in a backslash'],
    [String.raw`\p{Nonsense}`, String.raw`has \p{Nonsense}`],
    ['[[:alpha:]]', 'has a class within a class'],
    ['[a&&b]', 'has a class within a class'],
    ['[]a]', 'has a class that starts with ]'],
    ['[a', 'has a class without an end'],
    ['[b-a]', 'has the empty range b-a'],
    [String.raw`[a-\d]`, 'has a range that ends in a class'],
    [String.raw`[\W]`, String.raw`has \W within a class`],
    ['(?i:[a-z])', 'has a range of letters within (?i:...)'],
    ['(?i:é)', 'has a letter beyond ASCII within (?i:...)'],
    [String.raw`(?i:\p{L})`, 'has a class of characters within (?i:...)'],
    ['(a', 'leaves a group open'],
    ['a)', 'closes a group that is not open'],
  ])('%s', (source, problem) => {
    expect(() => fromOniguruma(source)).toThrow(PatternError);
    expect(() => fromOniguruma(source)).toThrow(problem);
  });
});
