/**
 * Words beside the numbers of a header: day periods (AM, 오후, a. m.), joining words (klo, à), clock and year suffixes, eras.
 * A word in, its role out. Day periods are those of Unicode CLDR 36 to 46 for the languages WhatsApp is translated into, joined
 * by half of the day. A word that is not here makes a header unreadable rather than half a day wrong.
 */

/** `noon`: 10 and 11 before, 12 to 9 after midday. `night`: 6 to 11 in the evening, 12 to 5 in the morning. */
export type DayPeriod = 'am' | 'pm' | 'noon' | 'night';

export type Era = 'buddhist' | 'reiwa' | 'heisei' | 'gregorian' | 'hijri';

/** What a word is: P day period, J joins date and time, E era or year suffix, D after a year, month or day, H M S U after a clock's numbers. */
export type WordRole = 'P' | 'J' | 'E' | 'D' | 'H' | 'M' | 'S' | 'U';

export interface Word {
  role: WordRole;
  period?: DayPeriod;
  era?: Era;
}

const periods: Record<DayPeriod, string> = {
  am: `
    am inthemorning vorm vormittags morgens nachts matin dumatin mat dumat delamadrugada delamañana damadrugada damanhã dimattina dinotte
    snachts sochtends fm pånatten påmorgonen påförmiddagen påmorg påförm påmorgenen påformiddagen ommorgenen omformiddagen omnatten
    natt morg form ap aamulla aamupäivällä aamup fh aðmorgni aðnóttu rano przedpołudniem przedpoł dop dopoledne ráno dopoludnia dopol zjutraj
    dopoldan ujutro ујутру претпл пре преподне наутро претпладне сутринта прподне прпл утра дп ночі ранку раніцы dimineața de hajnal
    reggel délelőtt öö sabah öğledenönce gecə sübh səhər таңғы to ertalab тң эртеңменен πμ τοπρωί πρωί לפנותבוקר בבוקר בוקר ص صباحا صباحًا
    فجرًا فجرا ليلاً قظ قبلازظهر بامداد صبح صبحمیں पूर्वाह्न सुबह ভোরবেলায় সকালবেলায় পূর্বাহ্ণ ভোর সকাল முற்பகல் அதிகாலை காலை ఉదయం తెల్లవారుజాము ಬೆಳಗ್ಗೆ
    ಪೂರ್ವಾಹ್ನ പുലർച്ചെ രാവിലെ मपू पहाट सकाळ सकाळी સવારે ਸਵੇਰੇ ਪੂਦੁ बिहान පෙව පාන්දර උදේ ก่อนเที่ยง ในตอนเช้า เช้า ກ່ອນທ່ຽງ ຕອນເຊົ້າ នៅពេលព្រឹក ព្រឹក နံနက်
    sa sáng pagi pg tengahmalam ngumaga madalingaraw alfajiri asubuhi 上午 凌晨 清晨 早上 早晨 半夜 上晝 朝早 午前 朝 오전 아침 새벽 დილით დილ գիշերվա
    առավոտյան կեսօրիցառաջ կա paradite pd enatës emëngjesit eparadites hommikul eelkeskpäeva el priekšp priekšpusdienā norīta priešpiet naktis
    rytas matinada matí goizaldeko goizeko damañá vm dienag dieoggend entathakusa ekuseni rn үө өглөө ጥዋት በሌሊት gh sf safiya غم غرمه`,
  pm: `
    pm intheafternoon intheevening atnight noon nachm nachmittags mittags abends midi aprèsmidi delaprèsmidi soir dusoir delmediodía delatarde
    delanoche meiodia datarde danoite mezzogiorno delpomeriggio dipomeriggio disera smiddags savonds em påeftermiddagen påkvällen påefterm
    omeftermiddagen omaftenen påettermiddagen påkvelden etterm kveld ip keskipäivällä iltapäivällä illalla keskip iltap eh hádegi síðdegis aðkvöldi
    wpołudnie popołudniu wieczorem odp odpoledne poledne večer pol več napoludnie popoludní napol popol pop opoldne popoldan zvečer podne
    poslijepodne popodne navečer по поп подне поподне увече попл напладне попладне навечер следобед вечерта слподне слпл полдень дня вечера пп
    вечора вечара laamiază dupăamiaza seara amiază du dél délután este ös öğle öğledensonra akşamüstü akşam günorta gündüz axşamüstü axşam
    түскі түстенкейінгі кешкі tk tushpayti kechqurun тк чактүш түштөнкийин кечинде μμ τομεσημέρι τοαπόγευμα μεσημ απόγ בצהריים אחרהצהריים
    אחהצ בערב צהריים ערב م مساء مساءً ظهرا ظهرًا عصرا بعدالظهر بظ بعدازظهر عصر شب ظهر دوپہرمیں سہپہر شاممیں دوپہر شام अपराह्न दोपहर शाम
    দুপুরবেলায় বিকাল সন্ধ্যাবেলায় অপরাহ্ণ দুপুর সন্ধ্যা நண்பகல் மதியம் பிற்பகல் மாலை அந்திமாலை మధ్యాహ్నం సాయంత్రం ಮಧ್ಯಾಹ್ನ ಸಂಜೆ ಅಪರಾಹ್ನ ഉച്ച ഉച്ചയ്ക്ക് ഉച്ചതിരിഞ്ഞ്
    വൈകുന്നേരം സന്ധ്യ मउ मध्यान्ह दुपार दुपारी संध्याकाळ संध्याकाळी બપોરે સાંજે ਦੁਪਹਿਰੇ ਸ਼ਾਮੀਂ ਬਾਦੁ अपरान्ह साँझ बेलुकी පව මධ්යාහ්නය දවල් හවස රෑ หลังเที่ยง เที่ยง บ่าย
    ในตอนเย็น เย็น ค่ำ ຫຼັງທ່ຽງ ຕອນທ່ຽງ ຕອນບ່າຍ ຕອນແລງ ថ្ងៃត្រង់ ល្ងាច នៅពេលរសៀល នៅពេលល្ងាច នៅពេលយប់ ညနေ မွန်းတည့် နေ့လယ် ch trưa chiều tối tengahhari
    sore malam ptg petang tanghalingtapat nghapon nggabi saasitazamchana mchana jioni adhuhuri 下午 中午 傍晚 晚上 下晝 夜晚 午後 正午 昼 夕方 夜 오후 정오
    낮 저녁 შუადღეს ნაშუადღევს საღამოს შუადღშემდეგ կեսօրին ցերեկվա երեկոյան կեսօրիցհետո կհ pasdite md emesditës epasdites embrëmjes keskpäeval
    pärastlõunal õhtul pl pärastkeskpäeva pēcp pēcpusdienā pusdienlaikā vakarā popiet perpiet popietė vakaras migdia tarda vespre nit
    eguerdiko arratsaldeko iluntzeko gaueko domediodía nm diemiddag dieaand ntambama ebusuku in үх үддунд өдөр орой ከሰዓት ቀትር በምሽት gd ym yamma غو`,
  noon: 'наобяд kunduzi siang emini',
  night: `
    yöllä wnocy vnoci ponoči noću ноћу ponoći презнощта ночи ночы noaptea éjjel gece түнгі kechasi түничинде τοβράδυ βράδυ בלילה לילה
    راتمیں رات रात রাত্রিবেলায় রাত্রি রাত இரவு రాత్రి ರಾತ್ರಿ രാത്രി रात्र रात्री રાત્રે ਰਾਤੀਂ กลางคืน ຕອນກາງຄືນ ກາງຄືນ đêm usiku 夜中 밤 ღამით öösel naktī шөнө`,
};

/** `9.9.2026 klo 9.52`, `09/09/2026 à 09:52` */
const joins = `
  klo kl à às ás as at um u o v в у во на om ob alle ore ora kell plkst jam alas ales στις στι בשעה الساعة ساعت ساعة pukul pada saat lúc kwa ve
  को बजे`;

const clockSuffixes = 'uhr ч น hod ura urë';

const eras: Record<Era, string> = {
  buddhist: 'be พศ พุทธศักราช',
  reiwa: 'r 令和',
  heisei: '平成',
  gregorian: 'ad ce คศ г р гг ж gada m 西元 公元 서기 ميلادي',
  hijri: 'ah هـ ه',
};

function listed(text: string): string[] {
  return text.trim().split(/\s+/);
}

const words: ReadonlyMap<string, Word> = (() => {
  const table = new Map<string, Word>();
  const set = (names: string, word: Word): void => {
    for (const name of listed(names)) if (!table.has(name)) table.set(name.normalize('NFC'), word);
  };
  for (const period of ['am', 'pm', 'noon', 'night'] as const) set(periods[period], { role: 'P', period });
  for (const era of ['buddhist', 'reiwa', 'heisei', 'gregorian', 'hijri'] as const) set(eras[era], { role: 'E', era });
  set(joins, { role: 'J' });
  set('h 时 時 點 点 시', { role: 'H' });
  set('min 分 분', { role: 'M' });
  set('s 秒 초', { role: 'S' });
  set(clockSuffixes, { role: 'U' });
  set('年 月 日 년 월 일', { role: 'D' });
  return table;
})();

/** Letters that stand alone between numbers, also where the next word follows at once (`9月19日下午1:18`). */
export function isUnitLetter(letter: string): boolean {
  return '年月日년월일时時點点시分분秒초'.includes(letter);
}

/** The role of a word in a header, by its letters alone (`a. m.` is `am`), or undefined for a word nobody knows. */
export function lookUpWord(written: string): Word | undefined {
  return words.get(
    written
      .normalize('NFC')
      .toLowerCase()
      .replace(/[^\p{L}\p{M}]/gu, ''),
  );
}

/** Hour of the 24 h clock, or -1 where hour and word contradict each other. Hours past 12 stay as they are. */
export function hour24(hour: number, period: DayPeriod | null): number {
  if (hour < 0 || hour > 23) return -1;
  if (period === null) return hour;
  if (hour > 12) return period === 'am' ? -1 : hour;
  if (period === 'am') return hour % 12;
  if (period === 'pm') return (hour % 12) + 12;
  if (period === 'noon') return hour === 10 || hour === 11 ? hour : (hour % 12) + 12;
  return hour >= 6 && hour < 12 ? hour + 12 : hour % 12;
}
