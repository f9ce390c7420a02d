import { HoldfastError } from '../contracts/failures.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { QuiesceTask } from '../contracts/quiesce.ts';
import { choiceOf } from './annotations.ts';
import { elasticsearchPlugin } from './elasticsearch/elasticsearch.ts';
import { execPlugin } from './exec.ts';
import { fsfreezePlugin } from './fsfreeze.ts';
import { mysqlPlugin } from './mysql/mysql.ts';
import type { QuiescePlan, QuiescePlugin, QuiesceSubject, Workload } from './plugin.ts';
import { nameOf } from './pod-containers.ts';
import { postgresPlugin } from './postgres/postgres.ts';
import { scaleDownPlugin } from './scale-down.ts';
import { timescaledbPlugin } from './timescaledb/timescaledb.ts';
import { workloadsAbove } from './workloads.ts';

/** Chooses no plugin. */
const NONE = 'none';

/**
 * The plugins that there are, in the order in which they are asked whether they know a pod: hooks are somebody's own words, and come before
 * what an image says. One list for the life of a process: some hold sessions.
 */
export function quiescePlugins(): readonly QuiescePlugin[] {
  return [execPlugin(), scaleDownPlugin, fsfreezePlugin, postgresPlugin(), timescaledbPlugin(), mysqlPlugin(), elasticsearchPlugin];
}

interface PlanOptions {
  readonly plugins: readonly QuiescePlugin[];
  /** Whether plugins may choose pods that nothing is said about, by image and hooks. */
  readonly detect: boolean;
}

/**
 * What has to be quiesced, each application by one plugin: the one that `holdfast.dev/quiesce` names on its pod or, next, on its workloads; else
 * the first that knows it. Pure.
 */
export function planQuiesce(subjects: readonly QuiesceSubject[], { plugins, detect }: PlanOptions): QuiescePlan {
  const tasks = new Map<string, QuiesceTask>();
  const problems: Issue[] = [];
  for (const subject of subjects) {
    const names = [...plugins.map(({ name }) => name), NONE];
    problems.push(...[...subject.pods, ...subject.workloads.map(({ object }) => object)].flatMap((object) => wrongChoice(object, names)));
    const units = plugins.flatMap((plugin) => unitsOf(chosenFor(plugin, subject, { plugins, detect })).map((unit) => ({ plugin, unit })));
    for (const { plugin, unit } of units) {
      const { planned, problem } = planUnit(plugin, unit);
      for (const task of planned) tasks.set(task.id, merged(tasks.get(task.id), task));
      problems.push(...problem);
    }
  }
  return { tasks: [...tasks.values()], problems };
}

function planUnit(
  plugin: QuiescePlugin,
  unit: QuiesceSubject,
): { readonly planned: readonly QuiesceTask[]; readonly problem: readonly Issue[] } {
  try {
    return { planned: plugin.plan(unit), problem: [] };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { planned: [], problem: [{ code: 'QuiesceNotPlanned', message: error.message, advice: error.advice }] };
  }
}

function chosenFor(plugin: QuiescePlugin, subject: QuiesceSubject, options: PlanOptions): QuiesceSubject {
  const pods = subject.pods.filter((pod) => choose(pod, subject, options) === plugin.name);
  const named = subject.workloads.filter(({ object }) => choiceOf(object) === plugin.name);
  const above = pods.flatMap((pod) => workloadsAbove(pod, subject));
  return { ...subject, pods, workloads: withOwners([...named, ...above], subject) };
}

function choose(pod: JsonObject, subject: QuiesceSubject, { plugins, detect }: PlanOptions): string {
  const sayers = [pod, ...workloadsAbove(pod, subject).map(({ object }) => object)];
  const said = sayers.map(choiceOf).find((choice) => choice !== '');
  if (said !== undefined) return said;
  return (detect ? plugins.find((plugin) => plugin.detects(pod))?.name : undefined) ?? NONE;
}

/** Each pod with its workloads, and then each workload that was chosen by itself: a wrong annotation of one must not cost the others. */
function unitsOf(chosen: QuiesceSubject): readonly QuiesceSubject[] {
  return [
    ...chosen.pods.map((pod) => ({ ...chosen, pods: [pod], workloads: workloadsAbove(pod, chosen) })),
    ...chosen.workloads.map((workload) => ({ ...chosen, pods: [], workloads: withOwners([workload], chosen) })),
  ];
}

function withOwners(workloads: readonly Workload[], subject: QuiesceSubject): readonly Workload[] {
  return [...new Set(workloads.flatMap((workload) => [workload, ...workloadsAbove(workload.object, subject)]))];
}

function merged(earlier: QuiesceTask | undefined, task: QuiesceTask): QuiesceTask {
  if (!earlier) return task;
  const both = (ours: readonly string[] = [], more: readonly string[] = []) => [...new Set([...ours, ...more])].sort();
  const replaces = both(earlier.replaces, task.replaces);
  return { ...earlier, claims: both(earlier.claims, task.claims), ...(replaces.length === 0 ? {} : { replaces }) };
}

function wrongChoice(object: JsonObject, names: readonly string[]): readonly Issue[] {
  const choice = choiceOf(object);
  if (choice === '' || names.includes(choice)) return [];
  return [
    {
      code: 'QuiesceNotPlanned',
      message: `${nameOf(object)}: annotation holdfast.dev/quiesce names "${choice}", which is no plugin`,
      advice: `use one of ${names.join(', ')}`,
    },
  ];
}
