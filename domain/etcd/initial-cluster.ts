/** A member of a cluster to be. */
export interface PlannedMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/** What etcd takes for a name, and what is safe as the name of a folder. */
const NAME = /^[A-Za-z0-9][-A-Za-z0-9_.]*$/;
const PEER_URL = /^https?:\/\/(\[[0-9a-fA-F:.]+\]|[^/:[\]@]+):\d{1,5}$/;

/** Reads `a=https://host:2380,b=https://...` as etcd does: a name that comes twice is one member with two URLs. */
export function parseInitialCluster(text: string): readonly PlannedMember[] {
  const members = new Map<string, string[]>();
  for (const entry of text.split(',')) {
    const [, name = '', url = ''] = /^([^=]*)=(.*)$/.exec(entry.trim()) ?? [];
    members.set(name, [...(members.get(name) ?? []), url]);
  }
  return [...members].map(([name, peerUrls]) => ({ name, peerUrls }));
}

/** What is wrong with a member list; '' when etcd can start with it. */
export function memberListProblem(members: readonly PlannedMember[]): string {
  if (members.length === 0) return 'there is no member';
  const urls = members.flatMap(({ peerUrls }) => peerUrls);
  const badName = members.find(({ name }) => !NAME.test(name));
  if (badName) return `"${badName.name}" is no name of a member: write name=https://host:2380`;
  const badUrl = urls.find((url) => !PEER_URL.test(url));
  if (badUrl !== undefined) return `"${badUrl}" is no peer URL: write name=https://host:2380`;
  const twice = urls.find((url, index) => urls.indexOf(url) !== index);
  return twice === undefined ? '' : `${twice} is given for two members`;
}
