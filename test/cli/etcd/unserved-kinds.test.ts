import { describe, expect, it } from '@jest/globals';
import { unservedKinds } from '../../../cli/etcd/unserved-kinds.ts';

const SERVED = [
  { resource: 'pods', group: '' },
  { resource: 'nodes', group: '' },
  { resource: 'services', group: '' },
  { resource: 'ingresses', group: 'networking.k8s.io' },
  { resource: 'apiservices', group: 'apiregistration.k8s.io' },
  { resource: 'widgets', group: 'example.com' },
];

describe('kinds of a store', () => {
  it('are served under the names that they are stored under, and under those of old', () => {
    const stored = [
      'apiservices.apiregistration.k8s.io',
      'widgets.example.com',
      'ingress',
      'minions',
      'pods',
      'services',
      'ranges',
      'masterleases',
    ];
    expect(unservedKinds(stored, SERVED)).toEqual([]);
  });

  it('are not served when Kubernetes has removed them, or somebody their definition', () => {
    expect(unservedKinds(['pods', 'podsecuritypolicy', 'gadgets.example.com', 'widgets.other.example.com'], SERVED)).toEqual([
      'podsecuritypolicy',
      'gadgets.example.com',
      'widgets.other.example.com',
    ]);
  });
});
