import { Command } from 'commander';
import { ExitCode } from './exit-codes.ts';
import { packageVersion, versionCommand } from './commands/version.ts';

/** Commands whose code is loaded only when they are used: a command line that starts at once is a feature. */
const COMMANDS: Readonly<Record<string, (program: Command, done: (code: ExitCode) => void) => Promise<void>>> = {
  backup: async (program, done) => {
    (await import('./commands/backup.ts')).backupCommand(program, done);
  },
  restore: async (program, done) => {
    (await import('./commands/restore.ts')).restoreCommand(program, done);
  },
  volume: async (program, done) => {
    (await import('./commands/volume.ts')).volumeCommand(program, done);
  },
  etcd: async (program, done) => {
    (await import('./commands/etcd.ts')).etcdCommand(program, done);
  },
  location: async (program, done) => {
    (await import('./commands/location.ts')).locationCommand(program, done);
  },
  repository: async (program, done) => {
    (await import('./commands/repository.ts')).repositoryCommand(program, done);
  },
  git: async (program, done) => {
    (await import('./commands/git.ts')).gitCommand(program, done);
  },
  schedule: async (program, done) => {
    (await import('./commands/schedule.ts')).scheduleCommand(program, done);
  },
  coverage: async (program, done) => {
    (await import('./commands/coverage.ts')).coverageCommand(program, done);
  },
  helm: async (program, done) => {
    (await import('./commands/helm.ts')).helmCommand(program, done);
  },
  keys: async (program) => {
    (await import('./commands/keys.ts')).keysCommand(program);
  },
  worker: async (program) => {
    (await import('./commands/worker.ts')).workerCommand(program);
  },
  sandbox: async (program, done) => {
    (await import('./commands/sandbox.ts')).sandboxCommand(program, done);
  },
  doctor: async (program, done) => {
    (await import('./commands/doctor.ts')).doctorCommand(program, done);
  },
  completion: async (program) => {
    (await import('./commands/completion.ts')).completionCommand(program);
  },
};

/** Builds the command line for `words` and runs it. Resolves with the exit code; rejects with what went wrong. */
export async function runProgram(words: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = ExitCode.Done;
  const done = (ended: ExitCode): void => {
    code = ended;
  };
  const program = new Command('holdfast')
    .description('disaster recovery for Kubernetes that finishes what it starts')
    .version(packageVersion(), '-V, --version')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => {
        write(
          `holdfast: ${text
            .replace(/^error: /, '')
            .trim()
            .replaceAll(/\s*\n\s*/g, ' ')
            .replace(/\.$/, '')}; add --help for what there is\n`,
        );
      },
    })
    .exitOverride();
  versionCommand(program);
  const [noun = ''] = words;
  const wanted = noun === 'version' ? [] : Object.hasOwn(COMMANDS, noun) ? [noun] : Object.keys(COMMANDS);
  for (const name of wanted) await COMMANDS[name]?.(program, done);
  inheritSettings(program);
  await program.parseAsync(words, { from: 'user' });
  return code;
}

/** Commander copies these to commands made after they are set, not to those added with `command()` of a command. */
function inheritSettings(command: Command): void {
  for (const sub of command.commands) {
    sub.copyInheritedSettings(command);
    inheritSettings(sub);
  }
}
