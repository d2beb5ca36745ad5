/**
 * Links in plain text (plain.ts): with a scheme or `www.`, bare domains with a path or under a usual top-level domain
 * (also of other scripts), and short hosts that people share without a scheme (wa.me, t.me). They may carry tokens, and
 * what they open may name people. Not covered: links spelled in words; `amazon.de` and the like, which lead to nobody.
 */
import type { RedactedSpan } from './redact-spans.ts';

/** top-level domains that chats name, without those of programs' files (`.py`, `.md`, `.sh`) */
export const commonTlds: ReadonlySet<string> = new Set(
  (
    'com,org,net,edu,gov,mil,int,info,biz,name,app,dev,page,io,ai,tv,cc,xyz,online,site,shop,store,club,live,link,cloud,blog,eu,' +
    'de,at,ch,li,fr,be,lu,nl,uk,ie,es,cat,pt,it,ad,mt,gr,cy,tr,dk,se,no,fi,is,ee,lv,lt,pl,cz,sk,hu,si,hr,rs,ba,me,mk,al,bg,ro,ua,by,ru,su,kz,uz,ge,am,az,' +
    'il,ps,lb,jo,sa,ae,kw,qa,om,iq,ir,eg,ma,dz,tn,ng,ke,gh,tz,ug,et,za,us,ca,mx,br,ar,cl,co,pe,uy,ve,ec,bo,cr,gt,do,cu,pr,' +
    'au,nz,cn,hk,tw,jp,kr,in,pk,bd,lk,np,th,vn,id,my,sg,ph,mm,kh,to,so,ly,gl,' +
    'рф,ру,ком,укр,бел,срб,мкд,қаз,ελ,中国,中國,台灣,台湾,香港,公司,网络,한국,भारत,ভারত,இந்தியா,ไทย,السعودية,امارات,مصر,المغرب,ایران,עברית,ישראל'
  ).split(','),
);
/** countries whose domains are words at the end of a sentence that lacks a space, or files: `yes.it`, `main.py` */
const wordTlds = new Set(
  'de,es,it,in,at,no,is,to,so,me,be,my,am,us,do,la,al,by,id,et,ma,pe,ve,co,live,link,page,store,shop,site,name,club,biz,rs,ba,ph,om'.split(
    ',',
  ),
);
/** hosts that are short enough to look like words */
const shortHosts = new Set(
  'wa.me,t.me,m.me,fb.me,line.me,paypal.me,telegram.me,youtu.be,amzn.to,lnkd.in,instagr.am,is.gd,spoti.fi'.split(','),
);
const domainWithPath = /^(?:[\p{L}\p{M}\p{N}_-]{1,63}\.){1,6}[\p{L}\p{M}]{2,24}(?::\d{2,5})?[/?#]\S/u;
const bareDomain = /^(?:[\p{L}\p{M}\p{N}_-]{1,63}\.){1,6}(xn--[a-z\d-]{2,59}|[\p{L}\p{M}]{2,24})(?::\d{2,5})?\/?$/u;
const computer = /^(?:\d{1,3}(?:\.\d{1,3}){3}(?::\d{2,5})?|localhost:\d{2,5})[/?#]\S/;
const scheme = /[a-z][a-z\d+-]{1,20}:\/{2}|(?<![\p{L}\p{N}])(?:www\d?\.|mailto:)[^\s.]/iu;

export function* findLinks(text: string): Generator<RedactedSpan> {
  if (!/[.:]/.test(text)) return;
  for (const match of text.matchAll(/[^\s\0]+/g)) {
    const piece = match[0];
    if (!piece.includes('.') && !piece.includes(':')) continue;
    const schemeAt = scheme.exec(piece)?.index ?? -1;
    const lead = schemeAt >= 0 ? schemeAt : /^[("'«<[*_~{|]*/.exec(piece)![0].length;
    const own = schemeAt >= 0 ? lead : lead + afterOtherScript(piece.slice(lead));
    const body = withoutTail(piece.slice(own));
    const isLink = schemeAt >= 0 || (body.length <= 2048 && isBareLink(body));
    if (isLink) yield { start: match.index + own, end: match.index + own + body.length, token: 'link' };
  }
}

function isBareLink(body: string): boolean {
  if (domainWithPath.test(body))
    return !/^\p{L}{1,24}\.\p{L}{2,24}\/\p{L}{1,24}$/u.test(body) || isDomain(body.split('/')[0]!);
  return computer.test(body) || isDomain(body);
}

function isDomain(body: string): boolean {
  const tld = bareDomain.exec(body)?.[1]?.toLowerCase();
  if (tld === undefined) return false;
  if (/^xn--/.test(tld)) return true;
  if (!commonTlds.has(tld)) return false;
  if (shortHosts.has(body.toLowerCase())) return true;
  // `fine.in` may be a forgotten space; `shop.fine.in` and `fine24.in` are none
  return !wordTlds.has(tld) || !/^\p{L}{1,24}\.\p{L}+\/?$/u.test(body);
}

/** characters of another script glued before a domain: `看example.com/a` */
function afterOtherScript(piece: string): number {
  const glued =
    /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]{1,24}(?=[a-z\d-]{1,63}\.)/u.exec(
      piece,
    );
  return glued?.[0].length ?? 0;
}

/** without the punctuation that ends the sentence and not the link, and what another script adds after it */
function withoutTail(piece: string): string {
  let end = piece.search(/[,;!)](?=[^\x20-\x7e])/);
  if (end < 0) end = piece.length;
  while (end > 0 && '.,!?;:)]}\'"»>…*_~|'.includes(piece[end - 1]!)) end--;
  return piece.slice(0, end);
}
