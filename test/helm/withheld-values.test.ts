import { describe, expect, it } from '@jest/globals';
import { withoutValues } from '../../helm/withheld-values.ts';

describe('what Helm says', () => {
  it('is told without the values that the user gave, wherever they are, and as base64', () => {
    const values = { db: { password: 'hunter2-hunter2', users: ['hunter2-hunter2-and-more'] }, name: 'web', count: 3, none: null };
    const encoded = Buffer.from('hunter2-hunter2').toString('base64');
    expect(withoutValues(`web: 3 is not hunter2-hunter2-and-more, nor hunter2-hunter2, nor ${encoded}`, values)).toBe(
      'web: 3 is not ***, nor ***, nor ***',
    );
  });
});
