/** What decides whether a member may give the snapshot. */
export interface Candidate {
  readonly endpoint: string;
  readonly memberId: string;
  readonly isLeader: boolean;
  readonly hasLeader: boolean;
  readonly learner: boolean;
  /** Raised for this member: `NOSPACE`, `CORRUPT`. */
  readonly alarms: readonly string[];
}

export interface Unfit {
  readonly endpoint: string;
  readonly reason: string;
}

export interface Ranking<C extends Candidate> {
  /** Best first. */
  readonly fit: readonly C[];
  readonly unfit: readonly Unfit[];
}

/**
 * Who is asked first. Learners cannot give snapshots, and what a member with a corrupt store gives is worthless. The leader has the most to do
 * already, so a follower comes first; a member that sees no leader may have missed writes and comes last. Endpoints of one member count once.
 */
export function rankMembers<C extends Candidate>(candidates: readonly C[]): Ranking<C> {
  const fit: C[] = [];
  const unfit: Unfit[] = [];
  for (const candidate of candidates) {
    const reason = whyUnfit(candidate);
    if (reason !== '') unfit.push({ endpoint: candidate.endpoint, reason });
    else if (!fit.some(({ memberId }) => memberId === candidate.memberId)) fit.push(candidate);
  }
  return { fit: fit.sort((a, b) => burden(a) - burden(b)), unfit };
}

function whyUnfit({ learner, alarms }: Candidate): string {
  if (learner) return 'it is a learner';
  return alarms.includes('CORRUPT') ? 'its store is corrupt (alarm CORRUPT)' : '';
}

function burden({ isLeader, hasLeader }: Candidate): number {
  if (!hasLeader) return 2;
  return isLeader ? 1 : 0;
}
