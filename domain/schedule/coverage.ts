import type { JsonObject } from '../../contracts/json.ts';
import type { DiscoveredType, ResourceType } from '../../contracts/resource.ts';
import type { Selection } from '../../contracts/selection.ts';
import { textAt } from '../resource/fields.ts';
import { resourceKey } from '../resource/identity.ts';
import { acceptObject, compileSelection } from '../selection/matcher.ts';
import { Verdict, type SelectionMatcher } from '../selection/verdict.ts';

/** A schedule of backups, as far as coverage is concerned. */
interface ProtectingSchedule {
  readonly name: string;
  readonly selection: Selection;
  readonly paused: boolean;
}

export interface CoverageFacts {
  readonly types: readonly DiscoveredType[];
  /** Names of the cluster's namespaces. */
  readonly namespaces: readonly string[];
  /** Every PersistentVolumeClaim. */
  readonly claims: readonly JsonObject[];
  readonly schedules: readonly ProtectingSchedule[];
}

export interface NamespaceCoverage {
  readonly namespace: string;
  /** `full`: some schedule takes every object of it; `partial`: only some kinds, labels or objects; `none`. Paused schedules do not count. */
  readonly coverage: 'full' | 'partial' | 'none';
  /** Schedules that take something of it, paused ones left out; sorted. */
  readonly schedules: readonly string[];
  /** Its claims that no schedule takes; sorted. */
  readonly unprotectedClaims: readonly string[];
  readonly claims: number;
}

interface Compiled {
  readonly name: string;
  readonly matcher: SelectionMatcher;
  readonly narrowed: boolean;
}

/** What no schedule protects, namespaces in order of their names. */
export function coverageOf({ types, namespaces, claims, schedules }: CoverageFacts): NamespaceCoverage[] {
  const claimType = types.find((type) => resourceKey(type) === 'persistentvolumeclaims');
  const running = schedules
    .filter(({ paused }) => !paused)
    .map(({ name, selection }) => ({ name, matcher: compileSelection(selection, { types }), narrowed: isNarrowed(selection) }));
  return [...namespaces].sort().map((namespace) => {
    const taking = running.filter(({ matcher }) => matcher.takesNamespace(namespace));
    const own = claims.filter((claim) => textAt(claim, 'metadata', 'namespace') === namespace);
    const unprotected = own.filter((claim) => !taking.some((schedule) => takesClaim(schedule, claim, claimType)));
    return {
      namespace,
      coverage: taking.some(({ narrowed }) => !narrowed) ? 'full' : taking.length > 0 ? 'partial' : 'none',
      schedules: taking.map(({ name }) => name).sort(),
      unprotectedClaims: unprotected.map((claim) => textAt(claim, 'metadata', 'name')).sort(),
      claims: own.length,
    };
  });
}

function takesClaim({ matcher }: Compiled, claim: JsonObject, type: ResourceType | undefined): boolean {
  return type !== undefined && acceptObject(matcher, claim, type) === Verdict.Taken;
}

/** Less than all objects of a namespace are taken. */
function isNarrowed(selection: Selection): boolean {
  const { includedResources, excludedResources, objects, labelSelector, orLabelSelectors } = selection;
  const named = includedResources.length + excludedResources.length + objects.length + orLabelSelectors.length > 0;
  return named || labelSelector.trim() !== '';
}
