/** The playground: a conversation that lives in this tab alone, and what was weighed for its last answer. */
import { attempt, post, say } from './api.ts';
import type { Candidate, LessonAnswer, ReplyAnswer, ReplyQuestion, Settings } from './playground-types.ts';
import type { TokensAnswer, Turn } from './playground-types.ts';
import { candidateTable, tokenRow } from './playground-view.ts';
import { make } from './thread-bubble.ts';
import { setText } from './thread-text.ts';

const found = document.querySelector<HTMLElement>('#playground');
if (found !== null) open(found);

function open(place: HTMLElement): void {
  const get = <E extends HTMLElement>(selector: string): E => place.querySelector<E>(selector)!;
  const persona = place.dataset['persona'] ?? '';
  const [run, context] = [get<HTMLSelectElement>('#run'), get<HTMLSelectElement>('#context')];
  const [line, log] = [get<HTMLInputElement>('#line'), get('#turns')];
  const [again, anew, takeBack] = [
    get<HTMLButtonElement>('#again'),
    get<HTMLButtonElement>('#anew'),
    get('#take-back'),
  ];
  const [weighed, before, better] = [get('#weighed'), get('#before'), get<HTMLTextAreaElement>('#better-text')];
  const sendButton = get<HTMLButtonElement>('#say button');

  /** what was said before the last answer, and that answer */
  let turns: Turn[] = [];
  let answer: ReplyAnswer | undefined;
  let taken: Candidate | undefined;
  let disliked: string[][] = [];
  let lessonId: string | undefined;
  let isAsking = false;

  const number = (name: string): number => Number(get<HTMLInputElement>(`#set-${name}`).value);
  const settings = (): Settings => ({
    temperature: number('temperature'),
    topK: number('topK'),
    topP: number('topP'),
    minP: number('minP'),
    repetitionPenalty: number('repetitionPenalty'),
  });
  const spoken = (): Turn[] => (taken?.bubbles ?? []).map((text): Turn => ({ who: 'persona', text }));
  const question = (all: Turn[]): ReplyQuestion => ({
    run: run.value,
    chatId: context.value === '' ? null : Number(context.value),
    turns: all,
    seed: number('seed'),
    sampling: settings(),
    disliked,
  });

  function draw(): void {
    const said = [...turns, ...spoken()];
    log.replaceChildren(
      ...said.map(({ who, text }) => {
        const bubble = make('div', who === 'you' ? 'play-turn you' : 'play-turn persona');
        bubble.append(make('span', 'only-read', who === 'you' ? 'You: ' : `${persona}: `));
        setText(bubble.appendChild(make('p', 'bubble')), text);
        return bubble;
      }),
    );
    if (answer !== undefined && taken === undefined) log.append(make('p', 'faint', `${persona} stays silent.`));
    if (said.length === 0) log.append(make('p', 'faint', 'Nothing was said yet.'));
    log.scrollTop = log.scrollHeight;
    again.disabled = isAsking || turns.length === 0;
    anew.disabled = isAsking || turns.length === 0;
    sendButton.disabled = isAsking;
    weighed.hidden = answer === undefined;
    if (answer === undefined) return;
    get('#how').textContent = answer.said;
    get('#candidates').replaceChildren(candidateTable(answer.candidates, taken?.seed, { take, dislike }));
    takeBack.hidden = lessonId === undefined;
  }

  const showTokens = (tokens: ReplyAnswer['tokens']): void =>
    get('#tokens').replaceChildren(tokens.length === 0 ? '' : tokenRow(tokens));

  /** Asks for an answer to these turns; what was there stays until it comes. */
  async function ask(all: Turn[]): Promise<void> {
    isAsking = true;
    draw();
    say(`${persona} is thinking.`);
    try {
      const next = await post<ReplyAnswer>('/api/playground/reply', question(all));
      turns = all;
      answer = next;
      taken = next.candidates.find(({ isChosen }) => isChosen);
      lessonId = undefined;
      showTokens(next.tokens);
      say('');
    } finally {
      isAsking = false;
      draw();
    }
  }

  function take(candidate: Candidate): void {
    attempt(async () => {
      const { tokens } = await post<TokensAnswer>('/api/playground/tokens', {
        replyId: answer?.replyId,
        seed: candidate.seed,
      });
      taken = candidate;
      before.hidden = true;
      showTokens(tokens);
      draw();
      get('#weighed-title').focus();
      say('The conversation goes on with this one.');
    });
  }

  function dislike(candidate: Candidate): void {
    disliked = [...disliked, candidate.bubbles];
    attempt(async () => {
      before.hidden = true;
      await ask(turns);
      get('#weighed-title').focus();
      say('Here, replies like it come last from now on.');
    });
  }

  get('#say').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = line.value.trim();
    if (text === '' || isAsking) return;
    attempt(async () => {
      before.hidden = true;
      await ask([...turns, ...spoken(), { who: 'you', text }]);
      line.value = '';
      line.focus();
    });
  });
  again.addEventListener('click', () =>
    attempt(async () => {
      const old = taken?.bubbles.join(' / ') ?? 'silence';
      await ask(turns);
      before.hidden = false;
      before.replaceChildren(make('span', 'faint', 'Before: '));
      setText(before.appendChild(make('span')), old);
      again.focus();
    }),
  );
  function startAnew(): void {
    turns = [];
    answer = undefined;
    taken = undefined;
    disliked = [];
    before.hidden = true;
    draw();
  }
  anew.addEventListener('click', () => {
    startAnew();
    line.focus();
  });
  context.addEventListener('change', startAnew);
  get('#settings').addEventListener('submit', (event) => event.preventDefault());

  get('#better').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = better.value.trim();
    if (text === '' || answer === undefined) return say('Write what it should have said first.');
    const { replyId } = answer;
    attempt(async () => {
      const kept = await post<LessonAnswer>('/api/playground/better', { replyId, text });
      lessonId = kept.lessonId;
      better.value = '';
      takeBack.hidden = false;
      say(kept.said);
    });
  });
  takeBack.addEventListener('click', () =>
    attempt(async () => {
      const { said } = await post<{ said: string }>('/api/playground/take-back', { lessonId });
      lessonId = undefined;
      takeBack.hidden = true;
      better.focus();
      say(said);
    }),
  );
}
