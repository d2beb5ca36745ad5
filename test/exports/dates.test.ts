/** Dates are read in an order that the file proves or the user gives; everything else is refused with line and remedy. */
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/util/errors.ts';
import { parseExport } from './read.ts';
import type { ExportOptions } from '../../src/exports/chat-export.ts';
import { inDigits } from './shapes.ts';

const android = (dates: readonly string[]): string =>
  dates.map((date, i) => `${date}, 09:00 - ${i % 2 ? 'Sam' : 'Mia'}: hi ${i}\n`).join('');
const datesOf = (dates: readonly string[], options: ExportOptions = {}): string[] =>
  parseExport(android(dates), options).messages.map(({ ts }) => ts.slice(0, 10));

function refusal(text: string, options: ExportOptions = {}): { message: string; hint: string } {
  try {
    parseExport(text, { ...options, name: 'chat.txt' });
  } catch (error) {
    if (error instanceof UserError) return { message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error('was not refused');
}

describe('order of day and month', () => {
  test('a number over 12 decides, wherever in the file it stands', () => {
    expect(datesOf(['05/04/2026', '06/04/2026', '13/04/2026'])).toEqual(['2026-04-05', '2026-04-06', '2026-04-13']);
    expect(datesOf(['4/5/26', '4/6/26', '4/13/26'])).toEqual(['2026-04-05', '2026-04-06', '2026-04-13']);
  });

  test('time that runs forward in one order only decides', () => {
    expect(datesOf(['10/04/2026', '11/04/2026', '01/05/2026', '02/05/2026'])).toEqual([
      '2026-04-10',
      '2026-04-11',
      '2026-05-01',
      '2026-05-02',
    ]);
    expect(datesOf(['04/10/2026', '04/11/2026', '05/01/2026', '05/02/2026'])).toEqual([
      '2026-04-10',
      '2026-04-11',
      '2026-05-01',
      '2026-05-02',
    ]);
  });

  test('a notice on the first line, dated later than what follows, does not disturb', () => {
    expect(datesOf(['12/09/2026', '10/04/2026', '11/04/2026', '01/05/2026'])[1]).toBe('2026-04-10');
  });

  test.each([[['05/04/2026', '05/04/2026']], [['05/04/2026', '06/04/2026', '07/04/2026']], [['1/2/26', '1/3/26']]])(
    '%j is refused',
    (dates) => {
      const { message, hint } = refusal(android(dates));
      expect(message).toBe(
        `chat.txt, line 1: nothing in the ${dates.length} dates of the file shows whether the day or the month comes first`,
      );
      expect(hint).toContain('--date-order dmy|mdy');
    },
  );

  test('and is read with --date-order', () => {
    expect(datesOf(['05/04/2026', '06/04/2026'], { dateOrder: 'dmy' })).toEqual(['2026-04-05', '2026-04-06']);
    expect(datesOf(['05/04/2026', '06/04/2026'], { dateOrder: 'mdy' })).toEqual(['2026-05-04', '2026-06-04']);
    expect(datesOf(['11/04/05', '11/04/06'], { dateOrder: 'ymd' })).toEqual(['2011-04-05', '2011-04-06']);
  });

  test('an order that the file contradicts is refused with the line', () => {
    const { message } = refusal(android(['05/04/2026', '19/04/2026']), { dateOrder: 'mdy' });
    expect(message).toBe('chat.txt, line 2: the date cannot be read as mdy');
    expect(refusal(android(['2026-04-05']), { dateOrder: 'dmy' }).message).toContain('cannot be read as dmy');
  });

  test('a two-digit year may stand first, if the dates prove it', () => {
    expect(datesOf(['26/9/19', '26/9/25', '26/10/11'])).toEqual(['2026-09-19', '2026-09-25', '2026-10-11']);
    expect(refusal(android(['26/9/19', '26/9/20'])).hint).toContain('ymd');
  });

  test('one impossible date inside a long file is text, not another order', () => {
    const days = Array.from({ length: 12 }, (_, i) => `${14 + i}/09/2026`);
    const { messages, oddities } = parseExport(android(days).replace('hi 5\n', 'hi 5\n12/31/2026, 10:00 - Eve: boo\n'));
    expect(messages).toHaveLength(12);
    expect(messages[5]?.text).toBe('hi 5\n12/31/2026, 10:00 - Eve: boo');
    expect(oddities).toHaveLength(1);
  });
});

describe('calendars', () => {
  test('Thai Buddhist years, also with two digits', () => {
    expect(datesOf(['19/9/2569 BE'])).toEqual(['2026-09-19']);
    expect(datesOf(['19/9/2569'])).toEqual(['2026-09-19']);
    expect(datesOf(['19/9/69', '20/9/69'])).toEqual(['2026-09-19', '2026-09-20']);
    expect(parseExport(android(['19/9/69'])).shape?.calendar).toBe('buddhist');
  });

  test('Persian dates, with Persian digits', () => {
    const { messages, shape } = parseExport(inDigits(android(['1405/6/28', '1403/12/30', '1404/1/1']), 0x6f0));
    expect(messages.map(({ ts }) => ts.slice(0, 10))).toEqual(['2026-09-19', '2025-03-20', '2025-03-21']);
    expect(shape).toMatchObject({ calendar: 'persian', order: 'ymd' });
  });

  test('Japanese eras', () => {
    expect(datesOf(['9/19/R8'])).toEqual(['2026-09-19']);
    expect(datesOf(['令和8年9月19日', '令和8年9月20日'])).toEqual(['2026-09-19', '2026-09-20']);
    expect(datesOf(['3/19/H31', '5/2/R1'])).toEqual(['2019-03-19', '2019-05-02']);
  });

  test('Islamic dates and years no chat can have are refused with the line', () => {
    for (const dates of [['7/4/1448'], ['19/09/1999'], ['19/09/2086'], ['31/02/2026']]) {
      const { message, hint } = refusal(android(dates));
      expect(message).toBe(
        'chat.txt, line 1: the date fits no calendar that can be read (Gregorian, Buddhist, Japanese, Persian)',
      );
      expect(hint).toContain('Gregorian');
    }
  });
});

describe('clocks', () => {
  const hours = (times: readonly string[]): string[] =>
    parseExport(times.map((time) => `19/09/2026, ${time} - Mia: hi\n`).join('')).messages.map(({ ts }) =>
      ts.slice(11, 16),
    );

  test('midnight and noon', () => {
    expect(hours(['12:05 AM', '11:59 AM', '12:00 PM', '11:59 PM'])).toEqual(['00:05', '11:59', '12:00', '23:59']);
    expect(hours(['午前0:05', '午後0:05', '午後11:59'])).toEqual(['00:05', '12:05', '23:59']);
  });

  test('parts of the day', () => {
    expect(hours(['凌晨12:30', '清晨5:00', '上午9:52', '中午12:10', '下午1:18', '晚上9:23'])).toEqual([
      '00:30',
      '05:00',
      '09:52',
      '12:10',
      '13:18',
      '21:23',
    ]);
    expect(hours(['सुबह 9:52', 'दोपहर 1:18', 'रात 9:23', 'रात 2:00'])).toEqual(['09:52', '13:18', '21:23', '02:00']);
    expect(hours(['9:52 de la mañana', '1:18 de la tarde', '9:23 de la noche'])).toEqual(['09:52', '13:18', '21:23']);
  });

  test('a word that may mean morning or evening and is not known is refused with the line', () => {
    const { message } = refusal('19/09/2026, 9:52 xyz - Mia: hi\n19/09/2026, 9:53 xyz - Mia: secret\n');
    expect(message).toBe(
      'chat.txt, line 1: the word beside the time is not known, so morning and evening cannot be told apart',
    );
  });

  test('hours that contradict AM and PM are refused with the line', () => {
    expect(refusal('19/09/2026, 13:52 AM - Mia: hi\n').message).toBe(
      'chat.txt, line 1: hour and AM or PM contradict each other',
    );
  });
});

describe('the shape', () => {
  test('comes from the whole file: a stray first line does not decide it', () => {
    const text = `1/2/26, 9:00 AM - old: line\n${android(Array.from({ length: 60 }, () => '19/09/2026'))}`;
    const { messages, oddities } = parseExport(text);
    expect(messages).toHaveLength(60);
    expect(oddities.join()).toContain('lines before the first message, left out: 1');
  });

  test('is not taken from a log pasted into a chat, long as it may be', () => {
    const log = Array.from({ length: 9 }, (_, i) => `[19/09/26, 09:0${i}:00] Mum: I consent`).join('\n');
    const { messages, senders } = parseExport(`19/09/2026, 09:00 - Mia: look\n${log}\n19/09/2026, 09:10 - Sam: ok\n`);
    expect(messages.map(({ text }) => text)).toEqual([`look\n${log}`, 'ok']);
    expect(senders.map(({ name }) => name)).toEqual(['Mia', 'Sam']);
  });

  test('holds for the padding of numbers too', () => {
    const chat = android(Array.from({ length: 6 }, () => '19/09/2026'));
    const { messages, senders } = parseExport(`${chat}1/9/2026, 9:00 - Mum: I consent\n${chat}`);
    expect(messages).toHaveLength(12);
    expect(senders.map(({ name }) => name)).toEqual(['Mia', 'Sam']);
  });

  test('messages dated before the one above are counted', () => {
    const { oddities } = parseExport(android(['19/09/2026', '20/09/2026', '01/09/2026', '20/09/2026']));
    expect(oddities).toEqual(['messages dated more than a day before the message above them: 1 (the first is line 3)']);
  });
});
