import { describe, expect, it } from '@jest/globals';
import type { CapturedEtcd } from '../../../contracts/etcd.ts';
import { memberListProblem, parseInitialCluster } from '../../../domain/etcd/initial-cluster.ts';
import { rankMembers } from '../../../domain/etcd/rank-members.ts';
import { etcdWarnings } from '../../../domain/etcd/warnings.ts';

describe('member lists', () => {
  it('are read as etcd reads them: several URLs of one name are one member', () => {
    const members = parseInitialCluster('a=https://10.0.0.1:2380,a=https://[fd00::1]:2380, b=http://etcd-b:2380');
    expect(members).toEqual([
      { name: 'a', peerUrls: ['https://10.0.0.1:2380', 'https://[fd00::1]:2380'] },
      { name: 'b', peerUrls: ['http://etcd-b:2380'] },
    ]);
    expect(memberListProblem(members)).toBe('');
  });

  it.each([
    ['', '"" is no name of a member'],
    ['https://a:2380', '"" is no name of a member'],
    ['../a=https://a:2380', '"../a" is no name'],
    ['--a=https://a:2380', '"--a" is no name'],
    ['a=a:2380', '"a:2380" is no peer URL'],
    ['a=https://a', '"https://a" is no peer URL'],
    ['a=https://user:secret@a:2380', 'is no peer URL'],
    ['a=https://a:2380,b=https://a:2380', 'https://a:2380 is given for two members'],
  ])('%s is refused', (text, problem) => {
    expect(memberListProblem(parseInitialCluster(text))).toContain(problem);
  });
});

describe('the ranking of members', () => {
  const member = (endpoint: string, more: object = {}) => ({
    ...{ endpoint, memberId: endpoint, isLeader: false, hasLeader: true, learner: false, alarms: [] },
    ...more,
  });

  it('puts followers before the leader, and those without a leader last', () => {
    const { fit } = rankMembers([member('lost', { hasLeader: false }), member('leader', { isLeader: true }), member('follower')]);
    expect(fit.map(({ endpoint }) => endpoint)).toEqual(['follower', 'leader', 'lost']);
  });

  it('counts a member once that is reached by two endpoints, and takes one that is out of space', () => {
    const { fit, unfit } = rankMembers([member('a', { memberId: '1', alarms: ['NOSPACE'] }), member('b', { memberId: '1' })]);
    expect(fit.map(({ endpoint }) => endpoint)).toEqual(['a']);
    expect(unfit).toEqual([]);
  });
});

describe('warnings about an etcd', () => {
  const facts: Omit<CapturedEtcd, 'snapshot'> = {
    ...{
      clusterId: '1',
      version: '3.7.3',
      endpoint: 'https://a:2379',
      members: [],
      revision: '1',
      hash: '2',
      compactRevision: '-1',
      sha256: '',
    },
    ...{ databaseBytes: 80, inUseBytes: 10, quotaBytes: 100, alarms: [], takenAt: '' },
  };
  const codes = (more: Partial<CapturedEtcd>, hasLeader = true) => etcdWarnings({ ...facts, ...more }, hasLeader).map(({ code }) => code);

  it('are about alarms, a store that is nearly full, no leader and no hash; none when all is well', () => {
    expect(codes({})).toEqual([]);
    expect(codes({ quotaBytes: 0, databaseBytes: 10_000 })).toEqual([]);
    expect(codes({ databaseBytes: 81 })).toEqual(['EtcdQuota']);
    expect(codes({ alarms: ['NOSPACE'] })).toEqual(['EtcdAlarm']);
    expect(codes({ hash: '' }, false)).toEqual(['EtcdNoLeader', 'EtcdNoHash']);
    expect(etcdWarnings({ ...facts, databaseBytes: 93 }, true)[0]?.message).toBe('etcd https://a:2379: 93% of its quota are used');
  });
});
