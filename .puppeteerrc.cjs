// `npm ci` never downloads a browser: src/whatsapp/browser.ts finds one, or fetches one when it is first needed.
module.exports = { skipDownload: true };
