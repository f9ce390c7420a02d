import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';

/** A person at a terminal. What is said goes to the terminal only, never to a pipe or a file. */
export interface Terminal {
  say(text: string): void;
  ask(question: string): Promise<string>;
  /** What is typed does not appear. */
  askHidden(question: string): Promise<string>;
}

/** The person who runs this command; undefined when input or messages do not go through a terminal. */
export function openTerminal(): Terminal | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return {
    say: (text) => {
      process.stderr.write(`${text}\n`);
    },
    ask: (question) => readLine(question, process.stderr),
    askHidden: async (question) => {
      process.stderr.write(`${question}: `);
      const typed = await readLine(
        '',
        new Writable({
          write: (_chunk, _encoding, done) => {
            done();
          },
        }),
      );
      process.stderr.write('\n');
      return typed;
    },
  };
}

function readLine(question: string, output: NodeJS.WritableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    // A terminal in both cases: otherwise the kernel would show what is typed.
    const reader = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
    let answered = false;
    reader.question(question === '' ? '' : `${question}: `, (answer) => {
      answered = true;
      reader.close();
      resolve(answer);
    });
    reader.on('SIGINT', () => {
      reader.close();
    });
    reader.on('close', () => {
      if (!answered) reject(new HoldfastError(FailureType.BadInput, 'nothing was answered', { advice: 'try again when you are ready' }));
    });
  });
}

/** A new passphrase, asked for twice. `BadInput` where there is nobody to ask, or both differ. */
export async function askNewPassphrase(terminal: Terminal | undefined): Promise<string> {
  if (!terminal) {
    throw new HoldfastError(FailureType.BadInput, 'there is no terminal to ask for the passphrase', {
      advice: 'give --passphrase-file or --passphrase-env',
    });
  }
  const first = await terminal.askHidden('New passphrase');
  if (first !== (await terminal.askHidden('The same again'))) {
    throw new HoldfastError(FailureType.BadInput, 'the two passphrases differ', { advice: 'try again' });
  }
  return first;
}
