/**
 * Consent of the people of an export: what must hold before an import begins, how it stands while it runs, and which
 * message it lets in. An attestation never overrules what a person said in person (consent/policy).
 */
import { admit, isOpen, isRefused, type ConsentedMessage, type Standing } from '../consent/policy.ts';
import type { MessageDraft } from '../types.ts';
import { check, UserError } from '../util/errors.ts';
import type { Answers, Recognised } from './import-people.ts';
import type { Store } from './store.ts';

/** What must hold before anything is written. */
export function requireConsent(store: Store, found: Recognised, answers: Answers): void {
  for (const name of answers.attested) {
    if (!found.names.includes(name)) {
      throw new UserError(`nobody in this export is called "${name}"`, `names in it: ${found.names.join(', ')}`);
    }
    const people = found.aliasesOf(name).map((alias) => store.people.find(alias));
    if (people.some((id) => id !== undefined && isRefused(store.consent.state(id, 'log').state))) {
      throw new UserError(
        `"${name}" has declined or withdrawn consent in a chat`,
        'their own word counts; import without their messages',
      );
    }
  }
  refuseNamesakes(store, found, answers);
  if (found.kind === 'group') return;
  const people = found.names.map((name) => [name, found.personOf(name)] as const);
  const known = new Map(people.filter((pair): pair is [string, number] => pair[1] !== undefined));
  requireBothSides(found.names, standingsOf(store, known, answers.attested));
}

/** Consent as it stands now, and as it will once the attestations are in the ledger with the messages. */
export function standingsOf(
  store: Store,
  personOf: ReadonlyMap<string, number>,
  attested: readonly string[],
): Map<string, Standing> {
  const vouched = new Set(attested.map((name) => personOf.get(name)));
  const unknown: Standing = { state: 'unknown', sinceMs: null, attested: false };
  const standings = new Map(attested.map((name) => [name, { ...unknown, attested: true }]));
  for (const [name, personId] of personOf) {
    const standing = store.consent.state(personId, 'log');
    const isVouched = vouched.has(personId) && !isRefused(standing.state);
    standings.set(name, isVouched ? { ...standing, attested: true } : standing);
  }
  return standings;
}

/** A conversation of two is one text: it is stored when both agreed, or not at all. */
export function requireBothSides(names: readonly string[], standings: ReadonlyMap<string, Standing>): void {
  const missing = names.filter((name) => {
    const standing = standings.get(name);
    return standing === undefined || !isOpen(standing);
  });
  if (missing.length === 0) return;
  throw new UserError(
    `no consent from ${missing.map((name) => `"${name}"`).join(' and ')}`,
    missing.map((name) => `ask them, then add --i-have-consent-from ${JSON.stringify(name)}`).join('; '),
  );
}

export function admitImported(
  draft: MessageDraft,
  kind: 'direct' | 'group',
  sender: string,
  standings: ReadonlyMap<string, Standing>,
): ConsentedMessage | undefined {
  const author = standings.get(sender);
  check(author !== undefined, 'every author has a standing');
  const others = [...standings].filter(([name]) => name !== sender).map(([, standing]) => standing);
  return admit(draft, {
    chatKind: kind,
    collecting: true,
    collectSinceMs: null,
    author,
    others: kind === 'direct' ? others : [],
    isForwarded: false,
    isEphemeral: false,
    isImport: true,
    attested: author.attested,
  });
}

/**
 * Who refused once is not stored again because another file brings the same name into another chat.
 * @throws UserError naming who must be told apart
 */
function refuseNamesakes(store: Store, recognised: Recognised, answers: Answers): void {
  for (const name of answers.attested) {
    if (answers.newPeople?.includes(name) === true || recognised.personOf(name) !== undefined) continue;
    const refused = store.people.named(name).find((id) => isRefused(store.consent.state(id, 'log').state));
    if (refused === undefined) continue;
    const quoted = JSON.stringify(name);
    throw new UserError(
      `someone called ${quoted} has declined or withdrawn consent in another chat`,
      `leave them out; or, if this is another person of that name, add --new-person ${quoted}`,
    );
  }
}
