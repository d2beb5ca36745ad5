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
  const voice = openServingVoice({ modelsDir: env.modelsDir, backend: stored.backend }, createLog('warn'));
  try {
    const { context, seed, sampling, runId } = stored;
    const spoken = await voice.speak({ context, seed, sampling, runId });
    if (spoken === undefined)
      throw new UserError(`run ${runId} is gone`, 'only the last runs are kept; that reply cannot be repeated');
    const bubbles = spoken.bubbles.map((bubble) => bubble.text);
    const same = JSON.stringify(bubbles) === JSON.stringify(stored.bubbles);
    if (json)
      printJson({
        id: stored.id,
        runId,
        seed,
        backend: spoken.backend,
        text: bubbles.join('\n'),
        same,
        promptUnchanged: spoken.promptHash === stored.promptHash,
      });
    else {
      console.log(bubbles.join('\n'));
      console.error(
        same ? '(the same text as was sent)' : '(not the text that was sent: the messages before it were edited since)',
      );
    }
  } finally {
    await voice.close();
  }
}
