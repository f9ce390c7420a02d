import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

interface Step {
  /** Its heading, without the number. */
  readonly title: string;
  /** The lines of its shell blocks. */
  readonly commands: readonly string[];
}

/** A page of steps (`## 1. Title`), whose commands are in shell blocks, one a line. Tests run what the page says, so that it cannot say something else. */
export class Runbook {
  readonly steps: readonly Step[];
  readonly #ran: string[] = [];

  private constructor(steps: readonly Step[]) {
    this.steps = steps;
  }

  static async read(file: string): Promise<Runbook> {
    const sections = (await readFile(file, 'utf8')).split(/^## /m).slice(1);
    const steps = sections.flatMap((section): Step[] => {
      const title = /^\d+\. (.*)$/m.exec(section.split('\n', 1)[0] ?? '')?.[1];
      const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
      const commands = blocks.flatMap((block) => block.split('\n')).filter((line) => line !== '' && !line.startsWith('#'));
      return title === undefined ? [] : [{ title, commands }];
    });
    return new Runbook(steps);
  }

  /** Commands that nobody has run. */
  get left(): readonly string[] {
    return this.steps.flatMap(({ commands }) => commands).filter((command) => !this.#ran.includes(command));
  }

  /** Runs the commands of a step one after the other, as a shell does; what they printed. Rejects at the first that fails. */
  async run(title: string, { env, cwd }: { readonly env: NodeJS.ProcessEnv; readonly cwd: string }): Promise<string> {
    const step = this.steps.find((one) => one.title === title);
    if (!step) throw new Error(`the runbook has no step "${title}": ${this.steps.map((one) => one.title).join(', ')}`);
    let printed = '';
    for (const command of step.commands) {
      const shell = spawn('sh', ['-euc', `exec ${command}`], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
      const [stdout, stderr, code] = await Promise.all([
        text(shell.stdout),
        text(shell.stderr),
        new Promise<number | null>((resolve, reject) => shell.once('error', reject).once('close', resolve)),
      ]);
      if (code !== 0) throw new Error(`${command} ended with ${String(code)}: ${stdout}${stderr}`);
      this.#ran.push(command);
      printed += stdout;
    }
    return printed;
  }
}
