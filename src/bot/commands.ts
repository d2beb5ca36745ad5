/**
 * The commands as data: what is typed, who may, where, and what happens. `!help` is built from the table; what it says of
 * each command is the sentence `help <name>` of persona/notices. A handler changes the store and returns what is said
 * back in the chat; undefined: nothing. Not covered: whether the message may be obeyed at all (authority.ts).
 */
import type { Command, CommandParts, Handler } from './command.ts';
import { consentCommands } from './commands-consent.ts';
import { modelCommands } from './commands-models.ts';
import type { QuizCommands } from './commands-quiz.ts';
import { replyCommands } from './commands-replies.ts';
import { switchCommands } from './commands-switches.ts';
import type { BotDeps } from './deps.ts';
import type { Sentences } from './sentences.ts';

export function commandTable(deps: BotDeps, parts: CommandParts & { quiz: QuizCommands }): Command[] {
  const { say, quiz } = parts;
  const consent = consentCommands(deps, parts);
  const switches = switchCommands(deps, parts);
  const models = modelCommands(deps, parts);
  const replies = replyCommands(deps, parts);

  const help: Handler = ({ isOwner }) =>
    [
      say.phrase('help'),
      ...table.filter((command) => isOwner || command.who === 'anyone').map((command) => helpLine(say, command)),
    ].join('\n');

  const anyone = { who: 'anyone', where: ['direct', 'self'], always: false } as const;
  const member = { who: 'anyone', where: ['direct', 'self', 'group'], always: false } as const;
  const refusal = { who: 'anyone', where: ['direct', 'self', 'group'], always: true } as const;
  const owner = { who: 'owner', where: ['direct', 'self'], always: false } as const;
  const ownerInGroups = { who: 'owner', where: ['direct', 'self', 'group'], always: false } as const;

  const table: Command[] = [
    { name: '!consent yes', ...member, run: consent.yes },
    { name: '!consent no', ...refusal, run: consent.no },
    { name: '!consent imitate', ...anyone, run: consent.imitate },
    { name: '!stop', ...refusal, run: consent.stop },
    { name: '!forget', ...refusal, run: consent.forget },
    { name: '!mydata', ...anyone, run: consent.myData },
    { name: '!status', ...anyone, run: switches.status },
    { name: '!why', ...anyone, onReply: true, run: replies.why },
    { name: '!help', ...anyone, run: help },
    { name: '!collect on', ...ownerInGroups, run: switches.collectOn },
    { name: '!collect off', ...ownerInGroups, run: switches.collectOff },
    { name: '!bot on', ...ownerInGroups, run: switches.botOn },
    { name: '!bot off', ...ownerInGroups, atOnce: switches.silence, run: switches.botOff },
    { name: '!bot off all', ...owner, atOnce: switches.silenceAll, run: switches.allOff },
    { name: '!again', ...owner, run: replies.again },
    {
      name: '!no',
      usage: '!no ...',
      argument: 'text',
      ...owner,
      onReply: true,
      run: replies.correct,
    },
    {
      name: '!quiet',
      usage: '!quiet 22:00-08:00 | off',
      argument: /^(?:(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d|off)$/i,
      ...owner,
      run: switches.quiet,
    },
    {
      name: '!temp',
      usage: '!temp 0.8',
      argument: /^(?:[01](?:\.\d{1,2})?|2(?:\.0{1,2})?)$/,
      ...owner,
      run: switches.temperature,
    },
    { name: '!retrain', ...owner, run: models.retrain },
    { name: '!models', ...owner, isSlow: true, run: models.list },
    {
      name: '!use',
      usage: '!use ID',
      argument: /^[a-z\d][\w.-]*$/i,
      ...owner,
      isSlow: true,
      run: models.use,
    },
    { name: '!rollback', ...owner, isSlow: true, run: models.rollBack },
    { name: '!quiz', ...owner, isSlow: true, run: quiz.quiz },
  ];
  return table;
}

/** `!temp 0.8: how boldly it writes`; also the answer to a command that lacks its argument */
export function helpLine(say: Sentences, { name, usage = name }: Pick<Command, 'name' | 'usage'>): string {
  return `${usage}: ${say.phrase(`help ${name}`)}`;
}
