/** The frame around every page, and the page that asks for the link. `html` escapes whatever is put into it. */
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** Places of the page, in the order of the menu. */
export const places = [
  { path: '/', name: 'Conversations' },
  { path: '/people', name: 'People' },
  { path: '/models', name: 'Models' },
  { path: '/playground', name: 'Playground' },
  { path: '/bot', name: 'Bot' },
] as const;

export interface Frame {
  title: string;
  /** path of the place that is open */
  place: (typeof places)[number]['path'];
  /** scripts of the page, names of client/*.ts without the ending */
  scripts?: readonly string[];
  /** it draws charts */
  hasCharts?: boolean;
}

export function page({ title, place, scripts = [], hasCharts = false }: Frame, main: Html): Html {
  return html`<!doctype html>
    <html lang="en" dir="ltr">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} - persona</title>
        ${
          hasCharts
            ? html`<link rel="stylesheet" href="/assets/uplot.css" />
                <script defer src="/assets/uplot.js"></script>`
            : ''
        }
        <link rel="stylesheet" href="/assets/style.css" />
        ${['frame', ...scripts].map((name) => html`<script type="module" src="/assets/${name}.js"></script>`)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the page</a>
        <header class="top">
          <nav aria-label="Places">
            ${places.map(
              ({ path, name }) =>
                html`<a href="${path}" ${path === place ? html`aria-current="page"` : ''}>${name}</a>`,
            )}
          </nav>
          <p id="night" role="status"></p>
          <button type="button" id="logout">Log out</button>
        </header>
        <main id="main" tabindex="-1">${main}</main>
        <div id="toast" role="status" aria-live="polite"></div>
      </body>
    </html>`;
}

/** Without a session there is nothing to see but how to get one. */
export function loginPage(): Html {
  return html`<!doctype html>
    <html lang="en" dir="ltr">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>persona</title>
        <link rel="stylesheet" href="/assets/style.css" />
        <script type="module" src="/assets/login.js"></script>
      </head>
      <body>
        <main id="main" class="login">
          <h1>Open this page by its link</h1>
          <p id="said" role="status">
            Run <code>npm run review</code> in a terminal: it prints a link that works once.
          </p>
        </main>
      </body>
    </html>`;
}
