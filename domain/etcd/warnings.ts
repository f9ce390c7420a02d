import type { CapturedEtcd } from '../../contracts/etcd.ts';
import type { Issue } from '../../contracts/outcome.ts';

/** A store that is fuller than this share of its quota will soon take no more writes. */
const FULL_SHARE = 0.8;

const ALARM_ADVICE: Readonly<Partial<Record<string, string>>> = {
  NOSPACE: 'it takes no writes: compact and defragment it, then `etcdctl alarm disarm`',
  CORRUPT: 'members disagree about what is stored: replace the corrupt one, or restore',
};

/** What the owner of an etcd should know about it, as seen while its snapshot was taken. */
export function etcdWarnings(etcd: Omit<CapturedEtcd, 'snapshot'>, hasLeader: boolean): readonly Issue[] {
  const { alarms, databaseBytes, quotaBytes, endpoint, hash } = etcd;
  return [
    ...alarms.map((alarm) => withAdvice({ code: 'EtcdAlarm', message: `etcd has raised the alarm ${alarm}` }, ALARM_ADVICE[alarm])),
    ...(quotaBytes > 0 && databaseBytes > FULL_SHARE * quotaBytes
      ? [
          {
            code: 'EtcdQuota',
            message: `etcd ${endpoint}: ${Math.floor((100 * databaseBytes) / quotaBytes)}% of its quota are used`,
            advice: 'compact and defragment it, or raise --quota-backend-bytes: at 100% it takes no writes',
          },
        ]
      : []),
    ...(hasLeader
      ? []
      : [
          {
            code: 'EtcdNoLeader',
            message: `etcd ${endpoint}: it has no leader: the snapshot may lack the newest writes`,
            advice: 'see that most of the members run',
          },
        ]),
    ...(hash === ''
      ? [{ code: 'EtcdNoHash', message: `etcd ${endpoint}: it did not tell the hash of its keys; the SHA-256 is there` }]
      : []),
  ];
}

function withAdvice(issue: Issue, advice: string | undefined): Issue {
  return advice === undefined ? issue : { ...issue, advice };
}
