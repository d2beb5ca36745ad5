/** People: who is known, what each agreed to and when, which ids are theirs, and the receipts of forgetting. */
import { createHash } from 'node:crypto';
import { html } from 'hono/html';
import { z } from 'zod';
import type { ForgetReport } from '../../nightly/receipt.ts';
import type { PersonDetails, PersonSummary } from '../../store/review-people.ts';
import type { Receipt } from '../../store/receipts.ts';
import type { ConsentAction, ConsentEvent, ConsentScope } from '../../types.ts';
import type { PeopleState } from '../client/people-types.ts';
import { asked } from '../input.ts';
import { page, type Html } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import { momentOf, named, namesOf, visible, type Names } from './conversations-names.ts';
import { addPeopleActions } from './people-actions.ts';

const scopes: Readonly<Record<ConsentScope, string>> = { log: 'Store and learn', imitate: 'Answer in their voice' };
const actions: Readonly<Record<ConsentAction, string>> = {
  asked: 'was asked',
  granted: 'said yes',
  declined: 'said no',
  withdrawn: 'took it back',
  forgotten: 'asked to be forgotten',
  attested: 'somebody who imported a chat vouched for it',
};
const messagesOf = (count: number): string => (count === 1 ? '1 message' : `${count.toLocaleString('en')} messages`);
const stateQuery = z.strictObject({ person: z.coerce.number().int().positive().optional() });

export function addPeople(app: App, parts: ReviewParts): void {
  const { store } = parts;
  const find = (id: number): PersonSummary | undefined => store.review.people.list().find((person) => person.id === id);

  /** equal while nothing changes that the page shows */
  const stateOf = (personId: number | undefined): string => {
    const shown =
      personId === undefined
        ? [store.review.people.list(), store.receipts.list().length]
        : [find(personId) && store.review.people.get(personId), store.review.exclusions()];
    return createHash('sha256').update(JSON.stringify(shown)).digest('base64url');
  };

  app.get('/people', (c) => {
    const people = store.review.people.list();
    const body = peoplePage(people, store.receipts.list(), parts, stateOf(undefined));
    return c.html(page({ title: 'People', place: '/people', scripts: ['people'] }, body));
  });

  app.get('/person/:id', (c) => {
    const id = Number(c.req.param('id'));
    if (find(id) === undefined) return c.notFound();
    const body = personPage(store.review.people.get(id), parts, stateOf(id));
    return c.html(page({ title: 'Person', place: '/people', scripts: ['people'] }, body));
  });

  app.get('/person/:id/data.json', (c) => {
    const id = Number(c.req.param('id'));
    if (find(id) === undefined) return c.notFound();
    const { name, content } = parts.people.data(id);
    return c.body(content, 200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Disposition': `attachment; filename="${name.replaceAll(/[^\w.-]/g, '_')}"`,
    });
  });

  app.get('/api/people/state', (c) => {
    const { person } = asked(c, stateQuery);
    const answer: PeopleState = { state: stateOf(person) };
    return c.json(answer);
  });

  addPeopleActions(app, parts);
}

// === All people

function standingOf(person: PersonSummary): string {
  if (person.isOpen) return person.log.state === 'granted' ? 'said yes' : 'vouched for by an import';
  const { state } = person.log;
  return state === 'unknown' ? 'never asked' : actions[state];
}

function peoplePage(
  people: readonly PersonSummary[],
  receipts: readonly Receipt[],
  parts: ReviewParts,
  state: string,
): Html {
  const names = namesOf(parts);
  const rows = people.map(
    (person) =>
      html`<li class="chat">
        <a class="chat-name" href="/person/${person.id}">${named(names.person(person.id))}</a>
        <p class="faint">
          ${messagesOf(person.messages)} in ${person.chats === 1 ? '1 conversation' : `${person.chats} conversations`}
        </p>
        <p>
          <span class="tag ${person.isOpen ? 'ok' : 'no'}">Storing and learning: ${standingOf(person)}</span>
          ${person.id === names.persona ? html`<span class="tag">the persona</span>` : ''}
        </p>
      </li>`,
  );
  return html`<div id="people" data-state="${state}">
    <h1>People</h1>
    ${
      people.length === 0
        ? html`<p>Nobody is known yet.</p>`
        : html`<ul class="chats">
            ${rows}
          </ul>`
    }
    ${
      receipts.length === 0
        ? ''
        : html`<h2 id="receipts">Receipts of forgetting</h2>
            ${receipts.map((receipt) => receiptHtml(receipt, parts.timezone))}`
    }
  </div>`;
}

function receiptHtml({ id, personId, begunMs, finishedMs, report }: Receipt, timezone: string): Html {
  const who = personId === null ? 'Everything' : `Person ${personId}`;
  return html`<article class="receipt" id="receipt-${id}">
    <h3>${who}, ${momentOf(begunMs, timezone)}</h3>
    ${
      finishedMs === null
        ? html`<p>It was begun and is not finished yet. The next command finishes it.</p>`
        : html`<ul>
            ${linesOf(report as ForgetReport).map((line) => html`<li>${line}</li>`)}
          </ul>`
    }
  </article>`;
}

function linesOf(report: ForgetReport): string[] {
  const { rows, retired, serves, copies, exports, datasets, loss, left, seconds } = report;
  const others = rows === null ? 0 : rows.replies + rows.outbox + rows.reactions + rows.quizAnswers;
  const speaks = serves === null ? 'none speaks until the next training' : `${serves} speaks now`;
  return [
    ...(rows === null
      ? ['The whole database was erased.']
      : [`${rows.messages} messages, ${rows.botMessages} answers of the bot and ${others} other rows were erased.`]),
    `${retired.length} models that saw them were removed; ${speaks}.`,
    `${datasets} lists of training rows, ${copies} copies of the database and ${exports} exported files were removed.`,
    ...(report.stoppedTraining ? ['A training that was running starts anew without them.'] : []),
    ...(loss === null
      ? []
      : [
          `The model that saw them paid ${loss.before.deleted.toFixed(3)} bits per byte for their words${loss.after === null ? '' : `; the one that comes next pays ${loss.after.deleted.toFixed(3)}`}.`,
        ]),
    ...left.map((sentence) => `Left: ${sentence}.`),
    `It took ${seconds.toFixed(1)} seconds.`,
  ];
}

// === One person

function personPage(person: PersonDetails, parts: ReviewParts, state: string): Html {
  const { store } = parts;
  const names = namesOf(parts);
  const name = names.person(person.id);
  const others = store.review.people.list().filter(({ id, aliases }) => id !== person.id && aliases.length > 0);
  const leftOut = store.review
    .exclusions()
    .find((each) => each.personId === person.id && each.chatId === null && each.fromMs === null && each.toMs === null);
  const chatLink = (chatId: number) =>
    html`<a href="/chat/${chatId}">${named(names.chat(store.review.chats.get(chatId)))}</a>`;
  return html`<div id="people" data-state="${state}" data-person="${person.id}" data-name="${visible(name)}">
    <h1><a href="/people" aria-label="Back to all people">←</a> ${named(name)}</h1>
    <p>
      <span class="tag ${person.isOpen ? 'ok' : 'no'}">Storing and learning: ${standingOf(person)}</span>
      ${leftOut === undefined ? '' : html`<span class="tag no">Left out of training</span>`}
      ${person.id === names.persona ? html`<span class="tag">the persona</span>` : ''}
    </p>
    <p>
      ${messagesOf(person.messages)}, ${person.approved} approved, ${person.rejected} rejected, ${person.editedLines}
      lines written anew, ${person.hiddenMessages} with hidden words, ${person.reactions} reactions.
    </p>
    <ul>
      ${person.inChats.map(({ chatId, messages }) => html`<li>${chatLink(chatId)}: ${messagesOf(messages)}</li>`)}
    </ul>

    <h2>What they agreed to</h2>
    ${ledgerTable(person.ledger, parts, names)}

    <h2>Their data</h2>
    <p class="buttons">
      <a class="button" href="/person/${person.id}/data.json" download>Download everything as a file</a>
      <button
        type="button"
        data-people="${leftOut === undefined ? 'leave-out' : 'take-in'}"
        data-exclusion="${leftOut?.id ?? ''}"
      >
        ${leftOut === undefined ? 'Leave out of training' : 'Back into training'}
      </button>
      <button type="button" data-people="withdraw" ${person.isOpen ? '' : html`disabled`}>
        Take their consent back
      </button>
      <button type="button" class="danger" data-people="forget">Forget this person</button>
    </p>

    <h2>Their ids</h2>
    <fieldset id="aliases">
      <legend>Numbers, ids and names from exports that are this person</legend>
      ${
        person.aliases.length === 0
          ? html`<p>None.</p>`
          : person.aliases.map(
              (alias) =>
                html`<label class="option"
                  ><input type="checkbox" value="${alias}" /> ${named(aliasName(alias))}</label
                >`,
            )
      }
      <button type="button" data-people="split">The ticked ones are somebody else</button>
    </fieldset>
    ${
      others.length === 0 || person.aliases.length === 0
        ? ''
        : html`<p class="field">
              <label for="other">The same person as</label>
              <select id="other">
                ${others.map(({ id }) => html`<option value="${id}">${visible(names.person(id))} (${id})</option>`)}
              </select>
            </p>
            <button type="button" data-people="merge">Make them one person</button>`
    }
  </div>`;
}

function ledgerTable(ledger: readonly ConsentEvent[], { store, people, timezone }: ReviewParts, names: Names): Html {
  if (ledger.length === 0) return html`<p>Nothing: they were never asked.</p>`;
  const notice = (hash: string): Html | string => {
    if (hash === '') return 'no notice';
    const text = people.notice(hash);
    if (text === undefined) return html`notice <code>${hash.slice(0, 12)}</code>, an earlier version`;
    return html`<details>
      <summary>notice <code>${hash.slice(0, 12)}</code></summary>
      <p class="notice" dir="auto">${text}</p>
    </details>`;
  };
  return html`<p class="faint">Every line that was ever written, oldest first. Lines are never changed.</p>
    <div class="wide" tabindex="0" role="region" aria-label="Consent ledger">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">For what</th>
            <th scope="col">What happened</th>
            <th scope="col">Notice</th>
            <th scope="col">Where</th>
          </tr>
        </thead>
        <tbody>
          ${ledger.map(
            (event) =>
              html`<tr>
                <td>${momentOf(event.atMs, timezone)}</td>
                <td>${scopes[event.scope]}</td>
                <td>${actions[event.action]}</td>
                <td>${notice(event.noticeHash)}</td>
                <td>
                  ${event.chatId === null ? 'on this machine' : named(names.chat(store.review.chats.get(event.chatId)))}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

/** `+49 30...`, `Ben, as an export calls them`, or the id itself */
function aliasName(alias: string): string {
  if (alias === 'me') return 'the owner of this account';
  const number = /^(\d{5,15})@c\.us$/.exec(alias)?.[1];
  if (number !== undefined) return `+${number}`;
  if (alias.startsWith('name:')) return `${alias.slice(alias.lastIndexOf(':') + 1)}, as an export calls them`;
  return alias;
}
