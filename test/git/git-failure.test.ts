import { describe, expect, it } from '@jest/globals';
import { gitFailure } from '../../git/git-failure.ts';

const PROGRESS = [
  'remote: Enumerating objects: 12, done.        ',
  'remote: Counting objects:  50% (6/12)        \rremote: Counting objects: 100% (12/12), done.        ',
  'remote: Total 12 (delta 0), reused 0 (delta 0), pack-reused 0',
  'Receiving objects:  16% (2/12), 1.20 MiB | 2.00 MiB/s\rReceiving objects: 100% (12/12), done.',
].join('\n');
const message = (stderr: string): string => gitFailure({ where: 'Git remote x', secrets: ['s3cret'], stderr }).message;

describe('what git says', () => {
  it("is told without its progress: the server's own words and the reason are left", () => {
    const refused = `${PROGRESS}\nremote: rule 7: nobody pushes 100% (of anything)\nerror: failed to push: pre-receive hook declined`;
    expect(message(refused)).toBe('Git remote x: the server refuses the push: rule 7: nobody pushes 100% (of anything)');
    expect(message(`${PROGRESS}\nfatal: early EOF`)).toBe('Git remote x: git says: fatal: early EOF');
    expect(message(PROGRESS)).toBe('Git remote x: git says: nothing');
  });

  it('is told without what is secret', () => {
    expect(message('fatal: no s3cret here')).toBe('Git remote x: git says: fatal: no *** here');
  });
});
