/** `persona replay [REPLY_ID]`: sample a stored reply again, from its run, seed and prompt; without an id, list the last. */
import type { Command } from 'commander';
import { personaAlias } from '../src/store/import.ts';
import { UserError } from '../src/util/errors.ts';
import { createLog } from '../src/util/log.ts';
import { loadContext, openServingVoice, printJson, withStore } from './context.ts';

/** Replies listed without an id. */
const listed = 10;

export function register(program: Command): void {
  program
    .command('replay')
    .description('sample a stored reply again; without an id, list the last replies')
    .argument('[id]', 'id of the reply')
    .option('--json', 'print JSON only')
    .action(replay);
}

async function replay(idText: string | undefined, flags: { json?: boolean }): Promise<void> {
  if (idText === undefined) await listReplies(flags.json === true);
  else await replayOne(idText, flags.json === true);
}

async function listReplies(json: boolean): Promise<void> {
  const { env } = loadContext();
  const replies = await withStore(env.dataDir, (store) => store.replies.list(listed));
  if (json) {
    printJson(replies.map(({ id, atMs, runId, seed }) => ({ id, atMs, runId, seed })));
    return;
  }
  if (replies.length === 0) console.log('No replies were sent yet.');
  for (const reply of replies) console.log(`${reply.id}  ${new Date(reply.atMs).toISOString()}  run ${reply.runId}`);
}

async function replayOne(idText: string, json: boolean): Promise<void> {
  const { env, persona } = loadContext();
  const stored = await withStore(env.dataDir, (store) => {
    const reply = store.replies.get(Number(idText));
    if (reply === undefined)
      throw new UserError(`there is no reply ${idText}`, 'run `persona replay` to list the last replies');
    const speaker = store.people.resolve([personaAlias(persona.speaker)]);
    return { ...reply, context: store.messages.context(reply.promptRowIds, speaker) };
  });
  const missing = stored.promptRowIds.length - stored.context.length;
  if (missing > 0) {
    throw new UserError(
      `${missing} messages of its prompt were deleted or withdrawn`,
      'that reply cannot be repeated any more',
    );
  }
  const voice = openServingVoice({ modelsDir: env.modelsDir, backend: stored.backend }, createLog('warn'), persona);
  try {
    const { context, seed, sampling, runId } = stored;
    const spoken = await voice.speak({ context, seed, sampling, runId, candidates: 1 });
    if (spoken === undefined)
      throw new UserError(`run ${runId} is gone`, 'only the last runs are kept; that reply cannot be repeated');
    const sampled = (spoken.candidates[0]?.bubbles ?? []).map(({ text }) => text.trim()).filter((text) => text !== '');
    const text = sampled.slice(0, stored.bubbles.length).join('\n'); // a reply that was interrupted sent the first ones
    const same = text === stored.bubbles.join('\n');
    const promptUnchanged = spoken.promptHash === stored.promptHash;
    if (json) printJson({ id: stored.id, runId, seed, backend: spoken.backend, text, same, promptUnchanged });
    else {
      console.log(text);
      console.error(same ? '(the same text as was sent)' : whyDifferent(promptUnchanged));
    }
  } finally {
    await voice.close();
  }
}

function whyDifferent(promptUnchanged: boolean): string {
  return promptUnchanged
    ? '(not the text that was sent, from the same prompt: this machine computes differently)'
    : '(not the text that was sent: the messages before it were edited since)';
}
