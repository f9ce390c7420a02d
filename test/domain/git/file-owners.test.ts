import { describe, expect, it } from '@jest/globals';
import { FileOwners } from '../../../domain/git/file-owners.ts';

/** Newest first: whose sync, which files, whom it took over. */
type Commit = readonly [cluster: string, paths: string, takesOver?: string];

const others = (commits: readonly Commit[], me = 'prod') => {
  const owners = new FileOwners(['a', 'b']);
  let seen = 0;
  for (const [cluster, paths, takesOver] of commits) {
    seen += 1;
    if (!owners.see({ cluster, paths: paths.split(' '), takesOver: takesOver === undefined ? [] : [takesOver] })) break;
  }
  return { seen, others: owners.ofOthers(me).map((entry) => entry.join(' of ')) };
};

describe('whose files are', () => {
  it.each<[string, readonly Commit[], string[]]>([
    ['our own', [['prod', 'a b']], []],
    ["another cluster's", [['old', 'b a']], ['a of old', 'b of old']],
    [
      'decided by the last commit',
      [
        ['prod', 'a'],
        ['old', 'a b'],
        ['prod', 'b'],
      ],
      ['b of old'],
    ],
    [
      "people's, whoever had them before",
      [
        ['', 'a b'],
        ['old', 'a b'],
      ],
      [],
    ],
    [
      'ours since we took them over',
      [
        ['prod', 'x', 'old'],
        ['old', 'a b'],
      ],
      [],
    ],
    [
      'not ours when written after we took over',
      [
        ['old', 'a'],
        ['prod', 'x', 'old'],
        ['old', 'a b'],
      ],
      ['a of old'],
    ],
    [
      'theirs since they took ours over',
      [
        ['new', 'x', 'prod'],
        ['prod', 'a b'],
      ],
      ['a of new', 'b of new'],
    ],
    [
      'handed on',
      [
        ['prod', 'x', 'old'],
        ['old', 'x', 'older'],
        ['older', 'a b'],
      ],
      [],
    ],
    [
      'ours again when we took them back',
      [
        ['prod', 'x', 'new'],
        ['new', 'x', 'prod'],
        ['prod', 'a'],
        ['new', 'b'],
      ],
      [],
    ],
  ])('%s', (_what, commits, expected) => {
    expect(others(commits).others).toEqual(expected);
  });

  it('is looked for no further back than needed', () => {
    expect(
      others([
        ['prod', 'a'],
        ['old', 'b'],
        ['older', 'a b'],
      ]).seen,
    ).toBe(2);
  });
});
