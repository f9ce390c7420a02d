import { Argument, type Command } from 'commander';
import { loadConfiguration } from '../../workers/configuration.ts';
import { withSession } from '../session.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `# holdfast completion bash: source it, or put it into /etc/bash_completion.d
_holdfast() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(holdfast __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _holdfast holdfast`,
  zsh: `#compdef holdfast
# holdfast completion zsh: source it, or save it as _holdfast in a folder of $fpath
_holdfast() {
  local -a candidates
  candidates=("\${(@f)$(holdfast __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
compdef _holdfast holdfast`,
  fish: `# holdfast completion fish: save it as ~/.config/fish/completions/holdfast.fish
complete -c holdfast -f -a '(holdfast __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
};

/** \`completion SHELL\` prints a script; the script asks \`__complete\`, which knows commands, options and live names. */
export function completionCommand(program: Command): void {
  program
    .command('completion')
    .description('print a completion script')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => {
      process.stdout.write(`${SCRIPTS[shell]}\n`);
    });
  program
    .command('__complete [words...]', { hidden: true })
    .allowUnknownOption()
    .helpOption(false)
    .action(async (words: string[]) => {
      for (const candidate of await candidates(program, words)) process.stdout.write(`${candidate}\n`);
    });
}

async function candidates(program: Command, words: readonly string[]): Promise<readonly string[]> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  let command = program;
  for (const word of before) command = command.commands.find((candidate) => candidate.name() === word) ?? command;
  return (await unfiltered(command, before, current)).filter((candidate) => candidate.startsWith(current));
}

async function unfiltered(command: Command, before: readonly string[], current: string): Promise<readonly string[]> {
  const previous = before.at(-1) ?? '';
  if (previous === '--location') return locationNames();
  if (previous === '--from-backup') return backupNames();
  if (current.startsWith('-')) return command.options.filter((option) => !option.hidden).map((option) => option.long ?? option.short ?? '');
  if (command.commands.length > 0) return command.commands.map((sub) => sub.name()).filter((name) => !name.startsWith('__'));
  if (command.parent?.name() === 'backup') return backupNames();
  if (command.parent?.name() === 'location') return locationNames();
  return [];
}

async function locationNames(): Promise<readonly string[]> {
  return (await loadConfiguration()).locations.map(({ name }) => name);
}

/** Of the default location; none when it cannot be read: completion never complains. */
async function backupNames(): Promise<readonly string[]> {
  return withSession(async (session) => {
    const repository = await session.repository(session.locationName(''));
    return (await repository.backups()).map(({ manifest }) => manifest.name);
  }).catch(() => []);
}
