/**
 * Numbers of documents and accounts that a word names, in plain text (plain.ts): passports, identity cards, tax and social
 * security, bank accounts without an IBAN. Their shapes are those of phone numbers, so they are looked for first.
 */
import type { RedactedSpan } from './redact-spans.ts';

const words =
  'passport|passeport|pasaporte|passaporto|passaporte|paspoort|pasaport|reisepass|pass-?nr|passnummer|personalausweis|ausweis-?(?:nr|nummer)|führerschein\\p{L}{0,4}|steuer-?id|steuernummer|sozialversicherungs(?:nummer|nr)|svnr|' +
  "ssn|social security|national insurance|ni number|nino|nhs|itin|medicare|driv(?:ing|er'?s) licen[cs]e|aadhaa?r|pan card|voter id|" +
  "dni|nie|nif|curp|rfc|nss|cpf|cnpj|rg|cnh|cuil|cuit|rut|codice fiscale|tessera|carta d'identit[àa]|num[ée]ro de s[ée]cu|s[ée]cu|carte d'identit[ée]|cni|bsn|rijbewijs|" +
  'pesel|dow[óo]d|personnummer|cpr|hetu|ahv|паспорт\\p{L}{0,2}|снилс|инн|полис|права|посвідчення|tc(?: kimlik)?|kimlik|ehliyet|' +
  'رقم (?:ال)?هوي[ةه]|(?:ال)?هوي[ةه]|(?:ال)?جواز|(?:ال)?[إا]قام[ةه]|کد ملی|ת\\.?ז\\.?|תעודת זהות|דרכון|आधार|पासपोर्ट|' +
  'account|acct|a\\/c|sort code|routing|konto\\p{L}{0,6}|kto|blz|cuenta|clabe|cbu|rekening\\p{L}{0,6}|' +
  'マイナンバー|免許証?|パスポート|旅券|保険証|口座番号|身份证号?码?|护照|主民番号|주민번호|주민등록번호|여권|계좌';
const after = new RegExp(
  String.raw`(?:(?<![\p{L}\p{M}\p{N}])|(?<=[\p{Script=Han}\p{Script=Katakana}\p{Script=Hiragana}]))(?:${words})(?![\p{L}\p{M}])(?:\s{0,2}(?:no|nr|nro|num|number|nummer|número|numero|numarası|num[ée]ro|номер|is|ist|es|est|to|[n#éèは:=.-])){0,3}\s{0,2}((?:[a-z]{1,4}[ -]?)?\d[\d .\-/]{3,24}\d[a-z]?|[a-z\d]{6,16})(?![\p{L}\d])`,
  'giu',
);
const minDigits = 5;

/** @returns spans in order */
export function* findDocuments(text: string): Generator<RedactedSpan> {
  if (!/\d{2}/.test(text)) return;
  for (const match of text.matchAll(after)) {
    const value = match[1]!;
    const digits = value.match(/\d/g)?.length ?? 0;
    if (digits < minDigits || /^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}$/.test(value)) continue;
    const end = match.index + match[0].length;
    yield { start: end - value.length, end, token: 'secret' };
  }
}
