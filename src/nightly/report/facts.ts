/** What a report card says beside the gate's findings: who wrote the train split, its tokens, and what people made of replies. */
import { rememberingRedactor, type RedactOptions } from '../../consent/redact.ts';
import type { Dataset } from '../../dataset/build.ts';
import { openStore } from '../../store/store.ts';
import type { Tokenizer } from '../../tokenizer/bpe.ts';
import { encodeConversation } from '../../tokenizer/chat-format.ts';
import { conversationsOf } from '../training.ts';
import type { CardOptions } from './card.ts';
import type { Feedback } from './feedback.ts';
import type { CardFigures } from './figures.ts';

export interface FactsOptions {
  dataDir: string;
  redaction: RedactOptions;
  /** the run that the card is about, which is not one before itself */
  run: string;
}

/** Reads the store and closes it. */
export function factsOf(
  dataset: Dataset,
  tokenizer: Tokenizer,
  { dataDir, redaction, run }: FactsOptions,
): Required<Pick<CardOptions, 'people' | 'tokens' | 'feedback'>> {
  const redact = rememberingRedactor(redaction);
  const tokens = conversationsOf(dataset, 'train').reduce(
    (sum, conversation) =>
      sum + encodeConversation(conversation.messages, tokenizer, { ...conversation, redact }).ids.length,
    0,
  );
  return { people: dataset.shares.people.length, tokens, feedback: feedbackOf(dataset, dataDir, run) };
}

/** Counted from the run before on, that was not skipped; what it had counted stands in its report. */
function feedbackOf(dataset: Dataset, dataDir: string, run: string): Feedback {
  const store = openStore(dataDir);
  try {
    const before = store.runs.list().find(({ id, verdict }) => verdict !== 'skipped' && id !== run);
    const counted = (before?.report as { card?: CardFigures } | undefined)?.card?.feedback?.since.newestRowId;
    const since = store.feedback.since({ atMs: before?.startedAtMs ?? 0, rowId: counted ?? 0 });
    return { since, corrections: dataset.manifest.corrections };
  } finally {
    store.close();
  }
}
