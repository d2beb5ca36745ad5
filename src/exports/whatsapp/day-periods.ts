/**
 * Words for the parts of the day, in every language of Unicode CLDR 36 to 48, by the half of the day they stand for: letters and
 * marks only, lower case. Data; words.ts looks them up. Node's `Intl` is CLDR, so test/exports/cldr-words.test.ts compares this
 * table with it and names what a newer CLDR has beside it (wide and narrow forms of AM and PM are not in `Intl` and came from CLDR).
 * Left out, and so refused where an export holds them: words of one or two letters that only the narrowest style has, and words
 * that are morning in one language and evening in another (d, mo, ep).
 */

/** `noon`: 10 and 11 before, 12 to 9 after midday. `night`: 6 to 11 in the evening, 12 to 5 in the morning. */
export type DayPeriod = 'am' | 'pm' | 'noon' | 'night';

export const dayPeriods: Record<DayPeriod, string> = {
  am: `
    am inthemorning vorm vormittags morgens nachts matin dumatin mat dumat delamadrugada delamañana damadrugada damanhã dimattina dinotte snachts
    sochtends fm pånatten påmorgonen påförmiddagen påmorg påförm påmorgenen påformiddagen ommorgenen omformiddagen omnatten natt morg form ap aamulla
    aamupäivällä aamup fh aðmorgni aðnóttu rano przedpołudniem przedpoł dop dopoledne ráno dopoludnia dopol zjutraj dopoldan ujutro ујутру претпл пре
    преподне наутро претпладне сутринта прподне прпл утра дп ночі ранку раніцы dimineața de hajnal reggel délelőtt öö sabah öğledenönce gecə sübh səhər
    таңғы to ertalab тң эртеңменен πμ τοπρωί πρωί לפנותבוקר בבוקר בוקר ص صباحا صباحًا فجرًا فجرا ليلاً قظ قبلازظهر بامداد صبح صبحمیں पूर्वाह्न सुबह
    ভোরবেলায় সকালবেলায় পূর্বাহ্ণ ভোর সকাল முற்பகல் அதிகாலை காலை ఉదయం తెల్లవారుజాము ಬೆಳಗ್ಗೆ ಪೂರ್ವಾಹ್ನ പുലർച്ചെ രാവിലെ मपू पहाट सकाळ सकाळी સવારે ਸਵੇਰੇ
    ਪੂਦੁ बिहान පෙව පාන්දර උදේ ก่อนเที่ยง ในตอนเช้า เช้า ກ່ອນທ່ຽງ ຕອນເຊົ້າ នៅពេលព្រឹក ព្រឹក နံနက် sa sáng pagi pg tengahmalam ngumaga madalingaraw alfajiri
    asubuhi 上午 凌晨 清晨 早上 早晨 半夜 上晝 朝早 午前 朝 오전 아침 새벽 დილით დილ գիշերվա առավոտյան կեսօրիցառաջ կա paradite pd enatës emëngjesit eparadites hommikul
    eelkeskpäeva el priekšp priekšpusdienā norīta priešpiet naktis rytas matinada matí goizaldeko goizeko damañá vm dienag dieoggend entathakusa ekuseni
    rn үө өглөө ጥዋት በሌሊት gh sf safiya غم غرمه སྔཆ indienag ag an منتصفالليل فيالصباح գշր առվ գիշերը পূৰ্বাহ্ন icheheavo a goizald ibikɛ̂glà uluchelo
    pamilau तडके भोर ka gjn asb gjk gajanɩ asʊbaa gajaka སྔདྲོ फुं ꮜꮎꮄ ку بن ܩܛ prijepodne jutro ᐊᒼ ᐁᒼ ynybore ybore lumalwak सवेर subbaahi نیمهشب
    dopołdnja idiɓa ki ŋdi fɔŋli atm kíkíríg subaka leebi wd सकाळीं znacht ammorge ma mambia ujutru nụtụtụ mrg antemidí ꎸꄑ isuk mbaꞌmbaꞌ פֿאַרמיטאָג utuko
    ntufat ĩyakwakya اےایم muhi kurãge kusãgki adduha kiroko эртңмн krn karoon bn makeo sárúwá uhrvörmiddaachs too moies ntɔ́ngɔ́ delmatin dinda od ноќе
    ɛnkakɛnyá rũ wichishu নুমাং এএম comme सबेरे ǁgoagas maná pånatta mbaʼámbaʼ ߛ rw ӕмбисбоныразмӕ fọmọ́nin ankstāinan zmu kangama nd эи tesiran ᱥᱮᱛᱟᱜ
    lwamilawu صبحمنجهند ib iđitbeaivet ⵜⵉⴼⴰⵡⵜ တၸ တွၼ်ႈၸဝ်ႉ මැදියමටපසු zjut hoseng dopołedniŏ taparachu ቅቀ goöň günortadanöň hh hengihengi piopensuno
    zdatazal چب چۈشتىنبۇرۇن vaasisu sub भ्यागा munkyo kiɛmɛ́ɛm àárọ̀ pitunaetéramẽ kuêmaramẽ banhaet mor madrugada mañana تد تاڭعى manhã пријеподне ујутро
    सुबुहजा àárɔ̀ 上昼 subah tifawt ам ҝеҹә сүбһ сәһәр то эрталаб येएम`,
  pm: `
    pm intheafternoon intheevening atnight noon nachm nachmittags mittags abends midi aprèsmidi delaprèsmidi soir dusoir delmediodía delatarde delanoche
    meiodia datarde danoite mezzogiorno delpomeriggio dipomeriggio disera smiddags savonds em påeftermiddagen påkvällen påefterm omeftermiddagen omaftenen
    påettermiddagen påkvelden etterm kveld ip keskipäivällä iltapäivällä illalla keskip iltap eh hádegi síðdegis aðkvöldi wpołudnie popołudniu wieczorem
    odp odpoledne poledne večer pol več napoludnie popoludní napol popol pop opoldne popoldan zvečer podne poslijepodne popodne navečer по поп подне
    поподне увече попл напладне попладне навечер следобед вечерта слподне слпл полдень дня вечера пп вечора вечара laamiază dupăamiaza seara amiază du dél
    délután este ös öğle öğledensonra akşamüstü akşam günorta gündüz axşamüstü axşam түскі түстенкейінгі кешкі tk tushpayti kechqurun тк чактүш
    түштөнкийин кечинде μμ τομεσημέρι τοαπόγευμα μεσημ απόγ בצהריים אחרהצהריים אחהצ בערב צהריים ערב م مساء مساءً ظهرا ظهرًا عصرا بعدالظهر بظ بعدازظهر عصر
    شب ظهر دوپہرمیں سہپہر شاممیں دوپہر شام अपराह्न दोपहर शाम দুপুরবেলায় বিকাল সন্ধ্যাবেলায় অপরাহ্ণ দুপুর সন্ধ্যা நண்பகல் மதியம் பிற்பகல் மாலை அந்திமாலை
    మధ్యాహ్నం సాయంత్రం ಮಧ್ಯಾಹ್ನ ಸಂಜೆ ಅಪರಾಹ್ನ ഉച്ച ഉച്ചയ്ക്ക് ഉച്ചതിരിഞ്ഞ് വൈകുന്നേരം സന്ധ്യ मउ मध्यान्ह दुपार दुपारी संध्याकाळ संध्याकाळी બપોરે સાંજે
    ਦੁਪਹਿਰੇ ਸ਼ਾਮੀਂ ਬਾਦੁ अपरान्ह साँझ बेलुकी පව මධ්යාහ්නය දවල් හවස රෑ หลังเที่ยง เที่ยง บ่าย ในตอนเย็น เย็น ค่ำ ຫຼັງທ່ຽງ ຕອນທ່ຽງ ຕອນບ່າຍ ຕອນແລງ ថ្ងៃត្រង់
    ល្ងាច នៅពេលរសៀល នៅពេលល្ងាច នៅពេលយប់ ညနေ မွန်းတည့် နေ့လယ် ch trưa chiều tối tengahhari sore malam ptg petang tanghalingtapat nghapon nggabi
    saasitazamchana mchana jioni adhuhuri 下午 中午 傍晚 晚上 下晝 夜晚 午後 正午 昼 夕方 夜 오후 정오 낮 저녁 შუადღეს ნაშუადღევს საღამოს შუადღშემდეგ կեսօրին ցերեկվա երեկոյան
    կեսօրիցհետո կհ pasdite md emesditës epasdites embrëmjes keskpäeval pärastlõunal õhtul pl pärastkeskpäeva pēcp pēcpusdienā pusdienlaikā vakarā popiet
    perpiet popietė vakaras migdia tarda vespre nit eguerdiko arratsaldeko iluntzeko gaueko domediodía nm diemiddag dieaand ntambama ebusuku in үх үддунд
    өдөр орой ከሰዓት ቀትር በምሽት gd ym yamma غو ཕྱིཆ indiemiddag indieaand ak anw ցրկ երկ ցերեկը অপৰাহ্ন ichamthi p eguerd arrats iluntz iɓugajɔp akasuba
    pamunyi सांझ ja gshk gtsh gjb gɩshilikɔnɔ gɩteŋshile gɩjibɔŋɔ ཕྱིདྲོ gm बेलासे ည ꮢꭿᏹꭲ ꮢꭿᏹꭲꮧꮲ кх دن ܒܛ popod veče ᐲᒼ ynyprynhawn minnos yprynhawn
    yrhwyr lumalwap सञ दपैहरबाद zaarikayb بعدازچاشت wótp wótpołdnja ebyámu ut ɣetrɔ ŋdɔ fiẽ ptm ngəgógəle kikiiɗe apm shwane wb ნაშუადღ საღ दनपार सांज
    दनपारां सांजे nam zmittag amnamittag zaabig mog uveče popołdnju nabalị nabali posmidí ꁯꋒ wengi ŋkambɔ́tnji נאָכמיטאָג kyiukonyi ntmeddit ĩyawĩoo پیایم
    chilo rãkãnhkỹ kutykỹ aluula hwaĩinĩ түшткйн кечк koosk kooskoliny pn nyiaghuo cɛɛ́nko uhrnommendaachs muu pēcpusd nomëttes nomë mpókwa desira dilolo
    ot ɛndámâ ũg mchochill পিএম lilli सांम ǃuias kugú ncwònzém ߥ tŋ ӕмбисбоныфӕстӕ fi fọívnin popoł wiecz papussideinan zmw kingoto веч lk эк teipa ᱧᱤᱫᱟᱹ
    pashamihe منجهندشام eb eahketbeaivet ⵜⴰⴷⴳⴳⵯⴰⵜ တလ တွၼ်ႈလႃႈ zveč thapama popołedniu மதி பிற் அந்திமா ebongi ในตอนบ่าย ድቀ gosoň soň günortadansoň ea
    efiafi pipinisuno ḍeffiraza چك چۈشتىنكېيىن makaaripi ngo दपेहरासंजा eigulo kisɛ́ndɛ ọ̀sán karukaramẽ pitunaramẽ banringzgvaq aft eve night tarde noche
    delapm تك تۇستەنكەيىنگى كەش كەشى noite शामजा ɔ̀sán 下昼 dopahar shaam tadggʷat пм ҝүндүз ахшамүстү ахшам уподне кечқурун पीएम`,
  noon: `
    наобяд kunduzi siang emini кундузи`,
  night: `
    yöllä wnocy vnoci ponoči noću ноћу ponoći презнощта ночи ночы noaptea éjjel gece түнгі kechasi түничинде τοβράδυ βράδυ בלילה לילה راتمیں رات रात
    রাত্রিবেলায় রাত্রি রাত இரவு రాత్రి ರಾತ್ರಿ രാത്രി रात्र रात्री રાત્રે ਰਾਤੀਂ กลางคืน ຕອນກາງຄືນ ກາງຄືນ đêm usiku 夜中 밤 ღამით öösel naktī шөнө vn noć zã
    ღამ राती түн تۇنگى raat кечаси`,
};
