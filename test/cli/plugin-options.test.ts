import { describe, expect, it } from '@jest/globals';
import { pluginOption } from '../../cli/volumes/plugin-options.ts';

describe('options for plugins', () => {
  it('are gathered by plugin; a value may hold anything', () => {
    const one = pluginOption('elasticsearch.rename=old-$1', {});
    const two = pluginOption('elasticsearch.indices=a=b,c.*\n', one);
    expect(pluginOption('mysql.x=', two)).toEqual({ elasticsearch: { rename: 'old-$1', indices: 'a=b,c.*\n' }, mysql: { x: '' } });
    expect(pluginOption('elasticsearch.rename=old-$1', one)).toEqual(one);
  });

  it.each(['rename=x', 'elasticsearch.rename', '.rename=x', 'elasticsearch.=x', 'Elastic.rename=x', '__proto__.x=y', ''])(
    'that are written as %j are refused',
    (text) => {
      expect(() => pluginOption(text, {})).toThrow(/is not plugin\.name=value/);
    },
  );

  it('that are given twice are refused', () => {
    expect(() => pluginOption('a.b=2', { a: { b: '1' } })).toThrow(/a\.b is given twice/);
  });
});
