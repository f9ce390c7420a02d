import { InvalidArgumentError, Option, type Command } from 'commander';
import { SELECT_ALL, type ClusterResources, type Selection } from '../contracts/selection.ts';
import { OUTPUT_FORMATS, type OutputFormat } from './output/print.ts';

/** As Kubernetes has labels. */
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Options that reach a cluster; kubectl's and Velero's spellings. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly kubecontext?: string;
}

export function withClusterOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig file (default: KUBECONFIG, then the usual file, then the pod)')
    .option('--context <name>', 'kubeconfig context (default: the current one)')
    .addOption(new Option('--kubecontext <name>', 'the same, as Velero spells it').hideHelp());
}

export interface OutputOptions {
  readonly output: OutputFormat;
}

export function withOutput(command: Command): Command {
  return command.addOption(new Option('-o, --output <format>', 'how to print').choices(OUTPUT_FORMATS).default('table'));
}

export interface LocationOptions {
  readonly location: string;
}

export function withLocation(command: Command): Command {
  return command.option('--location <name>', 'where the backups are (default: the configured default)', '');
}

export interface SelectionOptions {
  readonly includeNamespaces: readonly string[];
  readonly excludeNamespaces: readonly string[];
  readonly namespace: readonly string[];
  readonly includeResources: readonly string[];
  readonly excludeResources: readonly string[];
  readonly selector: string;
  readonly orSelector: readonly string[];
  readonly includeClusterResources: ClusterResources;
  readonly object: readonly string[];
}

export function withSelection(command: Command): Command {
  return command
    .option('--include-namespaces <names>', 'namespaces to take, with globs (default: all)', commaList, [])
    .option('--exclude-namespaces <names>', 'namespaces to leave out, with globs', commaList, [])
    .option('-n, --namespace <name>', 'short for --include-namespaces', commaList, [])
    .addOption(new Option('-A, --all-namespaces', 'every namespace: the default').default(false))
    .option('--include-resources <kinds>', 'kinds to take, e.g. deployments,secrets,*.example.com (default: all)', commaList, [])
    .option('--exclude-resources <kinds>', 'kinds to leave out', commaList, [])
    .option('-l, --selector <selector>', 'label selector', '')
    .option('--or-selector <selector>', 'take objects that match any of these label selectors (repeatable)', repeated, [])
    .addOption(
      new Option('--include-cluster-resources [which]', 'cluster-scoped objects: auto takes those that the selected ones need')
        .choices(['auto', 'include', 'exclude', 'true', 'false'])
        .argParser(clusterResources)
        .preset('include')
        .default('auto'),
    )
    .option('--object <kind/name>', 'take single objects: kind/name or namespace/kind/name (repeatable)', repeated, []);
}

export function selectionOf(options: SelectionOptions): Selection {
  return {
    ...SELECT_ALL,
    includedNamespaces: [...options.includeNamespaces, ...options.namespace],
    excludedNamespaces: options.excludeNamespaces,
    includedResources: options.includeResources,
    excludedResources: options.excludeResources,
    labelSelector: options.orSelector.length === 0 ? options.selector : '',
    orLabelSelectors:
      options.orSelector.length === 0 ? [] : [...(options.selector === '' ? [] : [options.selector]), ...options.orSelector],
    clusterResources: options.includeClusterResources,
    objects: options.object,
  };
}

export interface WaitOptions {
  readonly wait: boolean;
  /** Milliseconds; 0: for ever. */
  readonly timeout: number;
}

/** For commands that start a run. */
export function withWaiting(command: Command): Command {
  return command
    .option('-w, --wait', 'wait until it has ended (always so without a Temporal server of your own)', false)
    .option('--timeout <time>', 'stop waiting after this long; the run goes on', durationOption, 0);
}

export function commaList(value: string, earlier: readonly string[]): readonly string[] {
  return [
    ...earlier,
    ...splitOutsideBraces(value)
      .map((item) => item.trim())
      .filter((item) => item !== '' && item !== '*'),
  ];
}

/** `a=b,c=d`, added to earlier ones. */
export function labelPairs(value: string, earlier: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const pairs = commaList(value, []).map((pair): [string, string] => {
    const [, key = '', text = ''] = /^([^=]*)=(.*)$/.exec(pair) ?? [];
    if (!LABEL_KEY.test(key) || !LABEL_VALUE.test(text)) throw new InvalidArgumentError(`"${pair}" is not a label: write key=value`);
    return [key, text];
  });
  return { ...earlier, ...Object.fromEntries(pairs) };
}

export function repeated(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

/** `30s`, `5m`, `2h` or plain seconds, in milliseconds. */
export function durationOption(value: string): number {
  const match = /^(\d+)(ms|s|m|h)?$/.exec(value);
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's'] ?? 1_000;
  if (!match) throw new InvalidArgumentError('write a time such as 30s, 5m or 2h');
  return Number(match[1]) * factor;
}

/** A comma inside a glob's braces does not separate. */
function splitOutsideBraces(value: string): readonly string[] {
  return value.match(/(?:\{[^}]*\}|[^,{]|\{)+/g) ?? [];
}

function clusterResources(value: string): ClusterResources {
  if (value === 'true') return 'include';
  if (value === 'false') return 'exclude';
  if (value === 'auto' || value === 'include' || value === 'exclude') return value;
  throw new InvalidArgumentError('use auto, include or exclude');
}
