/** What the playground's endpoints are asked and answer with. Types alone: the server (pages/playground.ts) and the page share them. */

export interface Turn {
  who: 'you' | 'persona';
  /** one message */
  text: string;
}

export interface Settings {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
}

export interface ReplyQuestion {
  run: string;
  /** stored chat that is read before the turns; null: nothing */
  chatId: number | null;
  /** oldest first; the last one is yours */
  turns: Turn[];
  seed: number;
  sampling: Settings;
  /** replies, a bubble an entry, that were said to be bad in this conversation */
  disliked: string[][];
}

export interface Candidate {
  seed: number;
  bubbles: string[];
  /** null: the ranking does not look at it */
  scores: { information: number; agreement: number; score: number } | null;
  isChosen: boolean;
  /** why it was chosen, or passed over, as a sentence */
  why: string;
}

export interface TokenChoice {
  text: string;
  isSpecial: boolean;
  /** under the plain model, 0 to 1 */
  probability: number;
  /** with the settings, 0 to 1; 0: they cut it off */
  drawn: number;
}

export interface Token extends TokenChoice {
  /** likeliest first */
  others: TokenChoice[];
}

export interface ReplyAnswer {
  replyId: string;
  /** best first, then those that the ranking left out */
  candidates: Candidate[];
  /** of the chosen one; empty: none was chosen */
  tokens: Token[];
  /** `small run on simd: 16 candidates in 840 ms, 31 tokens read` */
  said: string;
}

export interface TokensAnswer {
  tokens: Token[];
}

export interface LessonAnswer {
  lessonId: string;
  said: string;
}
