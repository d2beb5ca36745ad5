/** One message about a night: what it says, in every language, and that it says nothing of a night that was skipped. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { phrases } from '../../../src/consent/notice.ts';
import { heldOutOf } from '../../../src/nightly/report/figures.ts';
import { ownerMessage, type StoredNight } from '../../../src/nightly/report/message.ts';
import { projectRoot } from '../../../src/util/dist.ts';
import { costs, report } from './night.ts';

const english = phrases(join(projectRoot, 'persona', 'notices'), 'en');
const told: StoredNight = {
  id: '2026-11-02T03-00-00Z',
  verdict: 'promoted',
  reason: 'better',
  report: { ...report, card: { heldOut: heldOutOf(costs, 'run'), manner: null, feedback: null } },
};
const options = { personaName: 'Juno', reportFile: 'models/runs/x/report.md' };

describe('ownerMessage', () => {
  test('a promoted night', () => {
    expect(ownerMessage(told, english, options)?.split('\n')).toEqual([
      'The night is over. A new model speaks: 2026-11-02T03-00-00Z.',
      'It learned from 1200 messages of Juno.',
      'Held-out replies cost 1.800 bits per byte; lower is better.',
      'That is -10.0 % against the model before.',
      'The report: models/runs/x/report.md',
    ]);
  });

  test('a night that was kept says why; what is not known is left out', () => {
    const kept = { ...told, verdict: 'kept', report: {} } as const;
    expect(ownerMessage(kept, english, { personaName: 'Juno', reportFile: undefined })).toBe(
      'The night is over. The model that spoke before stays: better',
    );
  });

  test('a skipped night is nothing to tell', () => {
    expect(ownerMessage({ ...told, verdict: 'skipped' }, english, options)).toBeUndefined();
  });

  test.each(['ar', 'de', 'es', 'fr', 'hi', 'it', 'nl', 'pt', 'tr'])('in %s every place is filled', (language) => {
    const text = ownerMessage(told, phrases(join(projectRoot, 'persona', 'notices'), language), options);
    expect(text).not.toMatch(/[{}]/);
    expect(text).toContain('1.800');
    expect(text?.split('\n')).toHaveLength(5);
  });
});
