/**
 * Words around a number, in some thirty languages, that make it a phone number (`call`, `mein handy`, `رقمي`) or an amount
 * (`15000000 views`, `Rp 1.500.000`). Works on plain text (plain.ts) and looks at a few words only.
 */

const contextWord = new RegExp(
  `^(?:` +
    'call|text|phone|fone|mobile|mob|cell|number|num|nr|no|tel|whats(?:app|up)?|wh?app|wpp|wsp|wa|zap|sms|dial|ring|reach|' +
    String.raw`handy|\p{L}{0,12}nummern?|\p{L}{0,8}tele(?:f|ph)on\p{L}{0,4}|telefoon|rufnr|handynr|telnr|anrufen|ruf|mobil|festnetz|durchwahl|melde?|` +
    'número|teléfono|móvil|movil|celular|cel|celu|cell?ulare|llama|llámame|llamame|apunta|anota|marca|' +
    'numéro|téléphone|portable|fixe|appelle|appeler|joindre|chiama|chiamami|recapito|fisso|' +
    'telemóvel|telemovel|ligar|liga|chama|contato|contacto|contact|mobiel|bel|belt|nummertje|' +
    String.raw`numer\p{L}{0,4}|zadzwoń|dzwoń|komórk\p{L}{1,3}|tlf|puhelin|soita|číslo|volej|zavolej|număr\p{L}{0,3}|sună|szám\p{L}{0,4}|hívj|` +
    String.raw`номер\p{L}{0,3}|тел|телефон\p{L}{0,2}|звони|звоните|позвони|позвоните|набери|набирай|сотовый|мобильн\p{L}{2}|моб|мобил\p{L}{0,3}|вотсап|дзвони|подзвони|` +
    String.raw`numara\p{L}{0,4}|cep|ara|arayın|nomor\p{L}{0,3}|nomer\p{L}{0,3}|hp|telp|hubungi|số|sđt|gọi|namba|simu|piga|` +
    'τηλ|τηλέφωνο|κινητό|αριθμός|νούμερο|πάρε' +
    `)$`,
  'iu',
);
/** scripts whose words take prefixes and endings, or stand without spaces */
const denseContext =
  /फोन|फ़ोन|नंबर|नम्बर|मोबाइल|कॉल|ফোন|নম্বর|எண்|நம்பர்|رقم|هاتف|جوال|تلفون|تليفون|موبايل|واتس|اتصل|كلم|شماره|تلفن|موبایل|گوشی|تماس|زنگ|فون|نمبر|טלפון|מספר|נייד|פלאפון|תתקשר|電話|电话|手机|手機|號碼|号码|聯絡|联系|番号|携帯|ケータイ|전화|번호|연락|핸드폰|폰|โทร|เบอร์/;
const units =
  'dollars?|euros?|pounds?|usd|eur|gbp|inr|chf|yen|rupees|bucks|views|people|followers|subscribers|likes|points|km|kg|steps|mil|mio|mrd|million|millionen|' +
  'pesos|reais|lira|zł|zlotych|złotych|kr|kč|ft|lei|rub|руб|рублей|рубля|грн|сум|тенге|schritte|leute|pasos|personas|passi|persone|passos|pessoas|stappen|adım|шагов|человек|rp|rupiah|đồng|vnd|ribu|juta|' +
  'रुपये|रुपए|लोग|ريال|درهم|جنيه|دينار|ليرة|خطوة|شخص|تومان|تومن|ریال|שקל|שקלים|ש"ח|צעדים|बार';
const amountAfter = new RegExp(
  String.raw`^\s?(?:[$€£¥₹₽₺₪₩฿₫₴₦%元块塊円万萬億亿원만명人步歩]|บาท|คน|(?:${units})(?![\p{L}\p{M}]))`,
  'iu',
);
const amountBefore =
  /(?:[$€£¥₹₽₺₪₩฿₫₴₦]|(?<!\p{L})(?:isbn|ean|usd|eur|gbp|chf|rp|rs\.?|inr|version|v|ver\.?))[ \t]?$/iu;

/** Only the text around a number is looked at, in UTF-16 units. */
const [lookBefore, lookAfter] = [36, 20];

export const wordsBefore = (text: string, start: number): string => text.slice(Math.max(0, start - lookBefore), start);
export const wordsAfter = (text: string, end: number): string => text.slice(end, end + lookAfter);

/** Whether a side of a number (`wordsBefore`, `wordsAfter`) speaks of phones. */
export function namesPhone(side: string): boolean {
  const words = side.match(/[\p{L}\p{M}]{2,24}/gu) ?? [];
  return words.some((word) => contextWord.test(word)) || (words.length > 0 && denseContext.test(side));
}

/** Whether what stands before and after a number says that it counts something. */
export const isAmount = (before: string, after: string): boolean =>
  amountBefore.test(before) || amountAfter.test(after);
