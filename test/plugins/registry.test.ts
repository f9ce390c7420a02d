import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceSubject } from '../../plugins/plugin.ts';
import { planQuiesce, quiescePlugins } from '../../plugins/registry.ts';
import { pod } from '../support/plugin-context.ts';

const subject = (pods: readonly JsonObject[], more: Partial<QuiesceSubject> = {}): QuiesceSubject => ({
  namespace: 'shop',
  pods,
  workloads: [],
  claims: [],
  methods: {},
  ...more,
});
const plan = (one: QuiesceSubject, detect = true) => planQuiesce([one], { plugins: quiescePlugins(), detect });
const ids = (one: QuiesceSubject, detect = true) => plan(one, detect).tasks.map(({ id }) => id);
const SET_TYPE = { group: 'apps', version: 'v1', kind: 'StatefulSet', resource: 'statefulsets', namespaced: true };
const set = (annotations: Record<string, string>) => ({
  type: SET_TYPE,
  object: { metadata: { name: 'db', namespace: 'shop', annotations }, spec: { replicas: 1, selector: { matchLabels: { app: 'db' } } } },
});
const OWNER = { kind: 'StatefulSet', name: 'db' };

describe('which plugin treats an application', () => {
  it.each([
    ['postgres', 'postgres/shop/db'],
    ['docker.io/library/postgres:15.8@sha256:0123', 'postgres/shop/db'],
    ['registry.example:5000/mirror/bitnami/postgresql:16', 'postgres/shop/db'],
    ['postgis/postgis:16-3.4', 'postgres/shop/db'],
    ['ghcr.io/cloudnative-pg/postgresql:17', 'postgres/shop/db'],
    ['timescale/timescaledb:2.17.2-pg16', 'timescaledb/shop/db'],
    ['prometheuscommunity/postgres-exporter', undefined],
    ['nginx', undefined],
  ])('the image %s means %s', (image, id) => {
    expect(ids(subject([pod('db', { image })]))[0]).toBe(id);
    expect(ids(subject([pod('db', { image })]), false)).toStrictEqual([]);
  });

  it("an annotation wins over the image, the pod's over its workload's, and none turns it off", () => {
    const database = (annotations: Record<string, string>) => pod('db', { image: 'postgres', annotations, owner: OWNER });
    expect(ids(subject([database({ 'holdfast.dev/quiesce': 'fsfreeze' })]))).toStrictEqual(['fsfreeze/shop/db']);
    expect(ids(subject([database({ 'holdfast.dev/quiesce': 'none' })]))).toStrictEqual([]);
    const workloads = [set({ 'holdfast.dev/quiesce': 'scale-down' })];
    expect(ids(subject([database({})], { workloads }))).toStrictEqual(['scale-down/shop/statefulsets.db']);
    expect(ids(subject([database({})], { workloads }), false)).toStrictEqual(['scale-down/shop/statefulsets.db']);
    // The pod's word is about the pod; the workload is named by itself.
    expect(ids(subject([database({})], { workloads: [set({ 'holdfast.dev/quiesce': 'none' })] }))).toStrictEqual([]);
    expect(ids(subject([pod('db', { labels: { 'holdfast.dev/quiesce': 'postgres' }, image: 'mine' })]))).toStrictEqual([
      'postgres/shop/db',
    ]);
  });

  it('hooks win over the image', () => {
    const annotations = { 'pre.hook.backup.velero.io/command': 'x' };
    expect(ids(subject([pod('db', { image: 'postgres', annotations })]))).toStrictEqual(['exec/shop/db']);
  });

  it("joins the claims of a workload's pods in one task", () => {
    const annotations = { 'holdfast.dev/quiesce': 'scale-down' };
    const pods = ['b', 'a'].map((claim) => pod(`db-${claim}`, { claim, annotations, owner: OWNER }));
    const { tasks } = plan(subject(pods, { workloads: [set({})] }));
    expect(tasks.map(({ id, claims }) => [id, claims])).toStrictEqual([['scale-down/shop/statefulsets.db', ['a', 'b']]]);
  });

  it('what is wrong at one application is named and does not cost the others', () => {
    const wrong = pod('wrong', { image: 'postgres', annotations: { 'holdfast.dev/postgres-mode': 'magic' } });
    const unknown = pod('unknown', { annotations: { 'holdfast.dev/quiesce': 'oracle' } });
    const { tasks, problems } = plan(subject([wrong, unknown, pod('fine', { image: 'postgres' })]));
    expect(tasks.map(({ id }) => id)).toStrictEqual(['postgres/shop/fine']);
    expect(problems.map(({ message }) => message)).toStrictEqual([
      'unknown: annotation holdfast.dev/quiesce names "oracle", which is no plugin',
      'pod shop/wrong: annotation holdfast.dev/postgres-mode "magic" is none of auto, backup-mode, checkpoint, dump',
    ]);
  });

  it('PostgreSQL on one volume that is snapshot needs a checkpoint, everything else the backup mode', () => {
    const mode = (methods: QuiesceSubject['methods'], annotations = {}) => {
      const [task] = plan(subject([pod('db', { image: 'postgres', annotations })], { methods })).tasks;
      return [task?.settings['mode'], task?.guarantee];
    };
    expect(mode({ data: 'csi-snapshot' })).toStrictEqual(['checkpoint', 'crash']);
    expect(mode({ data: 'data-move' })).toStrictEqual(['checkpoint', 'crash']);
    expect(mode({ data: 'file-system' })).toStrictEqual(['backup-mode', 'application']);
    expect(mode({})).toStrictEqual(['backup-mode', 'application']);
    expect(mode({ data: 'data-move' }, { 'holdfast.dev/postgres-mode': 'backup-mode' })).toStrictEqual(['backup-mode', 'application']);
  });
});
