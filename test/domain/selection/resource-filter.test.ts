import { describe, expect, it } from '@jest/globals';
import { resolveNames } from '../../../domain/selection/resource-filter.ts';
import { DISCOVERED, kind } from '../fixtures.ts';

const resolve = (...names: string[]) => resolveNames(names, DISCOVERED);

describe('names of kinds', () => {
  it.each([
    ['pods', 'pods'],
    ['Pod', 'pods'],
    ['po', 'pods'],
    ['DEPLOY', 'deployments.apps'],
    ['deployment', 'deployments.apps'],
    ['deployments.apps', 'deployments.apps'],
    ['deployments.v1.apps', 'deployments.apps'],
    ['deploy.apps', 'deployments.apps'],
    ['pods.v1', 'pods'],
    ['cert', 'certificates.cert-manager.io'],
    ['clusters.postgresql.cnpg.io', 'clusters.postgresql.cnpg.io'],
    // The built-in kind wins over a custom one of the same name, and the core group over others.
    ['services', 'services'],
    ['services.serving.knative.dev', 'services.serving.knative.dev'],
    ['events', 'events'],
    ['ingresses', 'ingresses.networking.k8s.io'],
  ])('%s means %s', (name, expected) => {
    expect(resolve(name)).toMatchObject({ all: new Set([expected]), exact: new Set([expected]), problems: [] });
  });

  it('globs and categories stand for several kinds, none of them named explicitly', () => {
    expect(resolve('*.cert-manager.io')).toMatchObject({
      all: new Set(['certificates.cert-manager.io', 'issuers.cert-manager.io']),
      exact: new Set(),
    });
    expect([...resolve('all').all].sort()).toEqual([
      'deployments.apps',
      'jobs.batch',
      'pods',
      'replicasets.apps',
      'services',
      'statefulsets.apps',
    ]);
    expect(resolve('all').exact.size).toBe(0);
    expect(resolve('*').all.size).toBe(DISCOVERED.length);
    expect([...resolve('cron*').all]).toEqual(['cronjobs.batch']);
  });

  it('an ambiguous name is an error that says what to write', () => {
    expect(resolve('clusters').ambiguous).toEqual([
      'resource "clusters" is ambiguous: write clusters.cluster.x-k8s.io or clusters.postgresql.cnpg.io',
    ]);
  });

  it('an unknown name is an error with the nearest names', () => {
    expect(resolve('deploymnets').unknown).toEqual(['resource "deploymnets" is unknown; did you mean deployments, deployment?']);
    expect(resolve('zebra').unknown).toEqual(['resource "zebra" is unknown']);
    expect(resolve('zebra*').unknown).toEqual(['resource "zebra*" matches no kind']);
  });

  it('short names of built-in kinds and `all` are understood with the kinds of a backup only', () => {
    const types = ['deployments.apps', 'pods', 'secrets'].map(kind);
    expect(resolveNames(['deploy', 'Pod'], types)).toMatchObject({ all: new Set(['deployments.apps', 'pods']), problems: [] });
    expect([...resolveNames(['all'], types).all]).toEqual(['deployments.apps', 'pods']);
  });
});
