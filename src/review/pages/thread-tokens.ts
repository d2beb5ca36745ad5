/**
 * The conversation around a message as tokens, with the tokenizer of the model that serves, or else of the base that tonight's
 * training begins with. A tokenizer is read once for each of its files' versions.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readCurrent } from '../../checkpoint/current.ts';
import { runDir } from '../../checkpoint/save.ts';
import { redactorOf } from '../../consent/redact.ts';
import { createTokenizer, type Tokenizer } from '../../tokenizer/bpe.ts';
import { fromTokenizerJson, withSpecialTokens } from '../../tokenizer/tokenizer-json.ts';
import { UserError } from '../../util/errors.ts';
import type { TokenView } from '../client/thread-types.ts';
import type { ReviewParts } from '../parts.ts';
import { tokenView } from '../token-view.ts';
import { conversationAt, tonightOf, type TonightOptions } from '../tonight.ts';

export type TokenReader = (messageId: number) => TokenView;

/** @throws UserError where there is no tokenizer yet, or the message is in no conversation of tonight */
export function tokenReader(parts: ReviewParts, options: () => TonightOptions): TokenReader {
  let known: { version: string; tokenizer: Tokenizer } | undefined;

  const tokenizer = (): Tokenizer => {
    const file = tokenizerFile(parts);
    const { mtimeMs, size } = statSync(file);
    const version = `${file} ${mtimeMs} ${size}`;
    if (known?.version !== version) {
      const { tokenizerJson } = withSpecialTokens(readFileSync(file, 'utf8'));
      known = { version, tokenizer: createTokenizer(fromTokenizerJson(tokenizerJson)) };
    }
    return known.tokenizer;
  };

  return (messageId) => {
    const { store } = parts;
    const found = conversationAt(store, messageId, options());
    if (found === undefined) {
      throw new UserError(
        'This message is in no conversation of tonight.',
        'It is left out or sealed, so there are no tokens of it.',
      );
    }
    const { messages, previousMs } = found.conversation;
    const stored = messages.flatMap(({ rowId }) => store.review.threads.message(rowId, options()) ?? []);
    const repeated = [...tonightOf(store, stored, options())].filter(([, { reason }]) => reason === 'repeated');
    const view = tokenView(messages, tokenizer(), {
      previousMs,
      redact: redactorOf(parts.redaction),
      withoutLoss: new Set(repeated.map(([id]) => id)),
    });
    const isLearned = found.split === 'train';
    return {
      tokens: view.messages.flatMap(({ messageId: of, tokens }) =>
        tokens.map(({ text, isSpecial, loss }) => ({
          text,
          isSpecial,
          hasLoss: isLearned && loss !== 'none',
          messageId: of,
        })),
      ),
      said: isLearned
        ? `${messages.length} messages are ${view.tokens} tokens. The ${view.learned} marked ones are what the model learns to say tonight.`
        : `${messages.length} messages are ${view.tokens} tokens. This conversation is kept aside to measure the model: none of it is learned.`,
    };
  };
}

function tokenizerFile({ modelsDir, base }: ReviewParts): string {
  const serving = readCurrent(modelsDir)?.run;
  const folders = [
    ...(serving === undefined ? [] : [runDir(modelsDir, serving)]),
    ...(base === undefined ? [] : [base]),
  ];
  const file = folders.map((folder) => join(folder, 'tokenizer.json')).find(existsSync);
  if (file !== undefined) return file;
  throw new UserError(
    'There is no tokenizer yet: nothing was trained, and no base ships for this size.',
    'Train once, then look again.',
  );
}
