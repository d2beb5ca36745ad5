/** The playground as it is before anything was said: runs and chats to choose, the settings, and where client/playground.ts draws. */
import { html } from 'hono/html';
import type { Html } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import { visible } from './conversations-names.ts';

/** characters of what is said or should have been said */
export const longestLine = 4000;

interface Choices {
  runs: readonly { run: string; current: boolean; size: string | null }[];
  chats: readonly { id: number; name: string }[];
  personaName: string;
  sampling: ReviewParts['playground']['sampling'];
}

interface Setting {
  name: string;
  label: string;
  hint: string;
  value: number;
  min: number;
  max: number;
  step: string;
}

export function playgroundPage({ runs, chats, personaName, sampling }: Choices): Html {
  const { temperature, topK, topP, minP = 0, repetitionPenalty } = sampling;
  const settings: readonly Setting[] = [
    {
      name: 'temperature',
      label: 'Temperature',
      hint: '0: always the likeliest',
      value: temperature,
      min: 0,
      max: 5,
      step: '0.05',
    },
    {
      name: 'topK',
      label: 'Top-k',
      hint: 'how many tokens at most; 0: off',
      value: topK,
      min: 0,
      max: 100_000,
      step: '1',
    },
    {
      name: 'topP',
      label: 'Top-p',
      hint: 'the likeliest with this share; 1: off',
      value: topP,
      min: 0.01,
      max: 1,
      step: '0.01',
    },
    {
      name: 'minP',
      label: 'Min-p',
      hint: 'none rarer than this part of the likeliest; 0: off',
      value: minP,
      min: 0,
      max: 1,
      step: '0.01',
    },
    {
      name: 'repetitionPenalty',
      label: 'Penalty',
      hint: 'for what was said already; 1: off',
      value: repetitionPenalty,
      min: 1,
      max: 10,
      step: '0.05',
    },
    {
      name: 'seed',
      label: 'Seed',
      hint: 'the same seed, the same dice',
      value: 1,
      min: 0,
      max: 0xffff_ffff,
      step: '1',
    },
  ];
  const field = ({ name, label, hint, value, min, max, step }: Setting): Html =>
    html`<p class="field">
      <label for="set-${name}">${label}</label>
      <input
        id="set-${name}"
        name="${name}"
        type="number"
        required
        value="${value}"
        min="${min}"
        max="${max}"
        step="${step}"
        aria-describedby="hint-${name}"
      />
      <span class="faint hint" id="hint-${name}">${hint}</span>
    </p>`;
  return html`<div id="playground" data-persona="${personaName}">
    <h1>Playground</h1>
    <p>
      Talk to a run, and see what it weighed. ${personaName} is an automated imitation. Nothing said here is stored, and
      none of it is sent; only what you ask to be learned is kept.
    </p>
    <div class="play">
      <section class="play-chat" aria-label="Conversation">
        <div class="filters run-choice">
          <p class="field">
            <label for="run">Run</label>
            <select id="run">
              ${runs.map(
                ({ run, current, size }) =>
                  html`<option value="${run}" ${current ? html`selected` : ''}>
                    ${run}${size === null ? '' : `, ${size}`}${current ? ' (speaks now)' : ''}
                  </option>`,
              )}
            </select>
          </p>
          <p class="field">
            <label for="context">It has read before</label>
            <select id="context">
              <option value="">nothing</option>
              ${chats.map(({ id, name }) => html`<option value="${id}">${visible(name)}</option>`)}
            </select>
          </p>
        </div>
        <div id="turns" role="log" aria-label="What was said" tabindex="0">
          <p class="faint">Nothing was said yet.</p>
        </div>
        <form id="say" class="play-say">
          <label for="line" class="only-read">Your line</label>
          <input
            id="line"
            type="text"
            dir="auto"
            autocomplete="off"
            maxlength="${longestLine}"
            placeholder="Say something"
          />
          <button class="primary">Send</button>
        </form>
        <p class="buttons">
          <button type="button" id="again" disabled>Ask again with these settings</button>
          <button type="button" id="anew" disabled>Start anew</button>
        </p>
      </section>
      <form id="settings" class="play-settings" aria-label="Settings">
        <fieldset>
          <legend>Settings</legend>
          <div class="filters">${settings.map(field)}</div>
        </fieldset>
      </form>
      <section id="weighed" class="play-weighed" aria-labelledby="weighed-title" hidden>
        <h2 id="weighed-title" tabindex="-1">What it weighed</h2>
        <p id="how" class="faint"></p>
        <p id="before" hidden></p>
        <div id="tokens"></div>
        <h3>Candidates</h3>
        <div id="candidates" class="wide" tabindex="0" role="region" aria-label="Candidates"></div>
        <h3 id="better-title">What should it have said?</h3>
        <form id="better">
          <p class="field">
            <label for="better-text">Your words, one message a line</label>
            <textarea
              id="better-text"
              dir="auto"
              rows="3"
              maxlength="${longestLine}"
              aria-describedby="better-hint"
            ></textarea>
            <span id="better-hint" class="faint">
              Only what a person wrote is learned: your answer, with the line it answers. What is marked good or bad
              changes this conversation, not the model.
            </span>
          </p>
          <p class="buttons">
            <button class="primary">Learn this tonight</button>
            <button type="button" id="take-back" hidden>Take it back</button>
          </p>
        </form>
      </section>
    </div>
  </div>`;
}
