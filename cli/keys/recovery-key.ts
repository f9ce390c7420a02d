import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { GeneratedKey } from '../../workers/dependencies.ts';
import type { Terminal } from './terminal.ts';

/** So many of the key's last characters are typed back. */
const PROOF_LENGTH = 6;
const ATTEMPTS = 3;

/**
 * Shows a new recovery key, once, and returns when the person has proven to have it in front of him. `BadInput` otherwise: then nothing may
 * be made with it.
 */
export async function showRecoveryKey(terminal: Terminal, key: GeneratedKey, kept: string): Promise<void> {
  terminal.say(
    [
      '',
      'This is the recovery key. It is shown once. Whoever has it can read every backup; without it, or another key that you add,',
      'nobody can, and nobody can make it again.',
      '',
      `    ${key.identity}`,
      '',
      `Keep it where a disaster here does not reach: on paper, in a password manager.${kept === '' ? '' : ` It is also written to ${kept}.`}`,
      '',
    ].join('\n'),
  );
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const typed = await terminal.ask(`When you have kept it, type its last ${PROOF_LENGTH} characters`);
    if (typed.trim().toUpperCase() === key.identity.slice(-PROOF_LENGTH).toUpperCase()) return;
    terminal.say('Those are not its last characters.');
  }
  throw new HoldfastError(FailureType.BadInput, 'the recovery key was not confirmed, so nothing was made', {
    advice: 'run it again; it will make another key',
  });
}
