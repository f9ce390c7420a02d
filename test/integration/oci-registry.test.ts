import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../contracts/json.ts';
import { chartArchive } from '../../helm/chart-archive.ts';
import { decodeRecord } from '../../helm/decode-record.ts';
import { OciRegistry } from '../../helm/oci-registry.ts';
import type { RepositorySettings } from '../../helm/repository-client.ts';
import { helmProgram, type Helm } from '../support/charts.ts';
import { record, releaseDocument } from '../support/helm-records.ts';
import { REGISTRY_USER, startOciRegistry, type OciRegistry as Registry } from '../support/oci-registry.ts';

const NEVER = new AbortController().signal;

function chart(metadata: JsonObject = {}, values: JsonObject = {}) {
  const document = releaseDocument() as { chart: { metadata: JsonObject } };
  const changed = { ...document.chart, values, metadata: { ...document.chart.metadata, ...metadata } };
  return chartArchive(decodeRecord(record(releaseDocument({ chart: changed }))));
}

describe('charts in OCI registries (docker-registry)', () => {
  let folder: string;
  let helm: Helm;
  let open: Registry;
  let basic: Registry;
  let bearer: Registry;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-test-oci-'));
    helm = await helmProgram(folder);
    [open, basic, bearer] = await Promise.all([
      startOciRegistry(),
      startOciRegistry({ auth: 'basic', tls: true }),
      startOciRegistry({ auth: 'bearer' }),
    ]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all([open, basic, bearer].map((registry) => registry.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  const repository = ({ host }: Registry, settings: Partial<RepositorySettings> = {}) =>
    new OciRegistry({ name: 'registry', url: `oci://${host}/team/charts`, plainHttp: true, retryAfterMs: 1, ...settings });

  it('takes a chart that Helm pulls as it was, and knows it again', async () => {
    const pushed = await repository(open).push(chart(), NEVER);
    const reference = `oci://${open.host}/team/charts/web:1.2.3`;
    expect(pushed).toEqual({ outcome: 'pushed', reference, sha256: chart().sha256 });
    await helm('pull', '--plain-http', `oci://${open.host}/team/charts/web`, '--version', '1.2.3', '-d', folder);
    expect(await readFile(join(folder, 'web-1.2.3.tgz'))).toEqual(chart().bytes);
    expect(await helm('show', 'chart', '--plain-http', `oci://${open.host}/team/charts/web`)).toContain('appVersion: "2.0"');
    expect(await repository(open).push(chart(), NEVER)).toMatchObject({ outcome: 'present' });
  });

  it('leaves a version that is there with other bytes as it is, and replaces it with force', async () => {
    await repository(open).push(chart({ version: '2.0.0' }), NEVER);
    const other = chart({ version: '2.0.0' }, { other: true });
    expect(await repository(open).push(other, NEVER)).toMatchObject({ outcome: 'differs', sha256: chart({ version: '2.0.0' }).sha256 });
    expect(await repository(open, { force: true }).push(other, NEVER)).toMatchObject({ outcome: 'replaced' });
    expect(await repository(open).push(other, NEVER)).toMatchObject({ outcome: 'present' });
  });

  it('has versions with a plus as Helm has them', async () => {
    const built = chart({ version: '3.0.0+rendered.abc' });
    expect(await repository(open).push(built, NEVER)).toMatchObject({ reference: `oci://${open.host}/team/charts/web:3.0.0_rendered.abc` });
    await helm('pull', '--plain-http', `oci://${open.host}/team/charts/web`, '--version', '3.0.0+rendered.abc', '-d', folder);
    expect(await readFile(join(folder, 'web-3.0.0+rendered.abc.tgz'))).toEqual(built.bytes);
  });

  it('logs in by name and password, over TLS with an authority of its own', async () => {
    const ca = await readFile(basic.caFile, 'utf8');
    expect(await repository(basic, { ...REGISTRY_USER, plainHttp: false, ca }).push(chart(), NEVER)).toMatchObject({ outcome: 'pushed' });
    expect(await repository(basic, { ...REGISTRY_USER, plainHttp: false, insecure: true }).push(chart(), NEVER)).toMatchObject({
      outcome: 'present',
    });
    const untrusted = repository(basic, { ...REGISTRY_USER, plainHttp: false }).push(chart(), NEVER);
    await expect(untrusted).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringMatching(/^chart repository "registry" has a certificate that is not trusted/) as unknown,
    });
  });

  it('gets a token where the registry sends it', async () => {
    expect(await repository(bearer, REGISTRY_USER).push(chart(), NEVER)).toMatchObject({ outcome: 'pushed' });
    expect(await repository(bearer, REGISTRY_USER).push(chart(), NEVER)).toMatchObject({ outcome: 'present' });
  });

  it('says in one line that it is refused', async () => {
    const ca = await readFile(basic.caFile, 'utf8');
    const wrong = { ...REGISTRY_USER, password: 'canary-wrong' };
    for (const refused of [repository(basic, { ...wrong, plainHttp: false, ca }), repository(bearer, wrong), repository(bearer)]) {
      await expect(refused.push(chart(), NEVER)).rejects.toMatchObject({
        type: 'Forbidden',
        message: expect.stringMatching(
          /^chart repository "registry" refuses the (question for team\/charts\/web:1\.2\.3|request for a token) \(401\)$/,
        ) as unknown,
      });
    }
  });
});
