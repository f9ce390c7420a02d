import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { TOOLS } from '../../sandbox/tool-catalogue.ts';
import { RELEASES } from '../../sandbox/tool-releases.ts';

const goMod = (module: string) => readFile(new URL(`../../sandbox/tools/${module}/go.mod`, import.meta.url), 'utf8');

/** The Go module that carries the version of ours. */
const VERSIONED: Readonly<Record<string, string>> = {
  kubernetes: 'k8s.io/kubernetes',
  etcd: 'go.etcd.io/etcd/server/v3',
  temporal: 'github.com/temporalio/cli',
  versitygw: 'github.com/versity/versitygw',
  restic: 'github.com/restic/restic',
  helm: 'helm.sh/helm/v3',
  'fake-gcs-server': 'github.com/fsouza/fake-gcs-server',
  'csi-provisioner': 'github.com/kubernetes-csi/external-provisioner/v5',
  'csi-snapshotter': 'github.com/kubernetes-csi/external-snapshotter/v8',
};
const GO_TOOLS = Object.values(TOOLS).filter(({ module }) => module.kind === 'go');
const PYTHON_TOOLS = Object.values(TOOLS).filter(({ module }) => module.kind === 'python');

describe('the tool catalogue', () => {
  it('has each tool under its own name', () => {
    for (const [name, tool] of Object.entries(TOOLS)) expect(tool.name).toBe(name);
  });

  it.each(GO_TOOLS.map((tool) => [tool.name, tool] as const))('has %s from a package that its module pins', async (_name, tool) => {
    const text = await goMod(tool.module.name);
    const tools = /^tool (?:\(([^)]*)\)|(.*))$/m.exec(text);
    expect((tools?.[1] ?? tools?.[2] ?? '').split('\n').map((line) => line.trim())).toContain(tool.goPackage);
  });

  it.each(GO_TOOLS.map((tool) => [tool.module.name, tool.module.version] as const))(
    'says the version of module %s that go.mod pins: %s',
    async (name, version) => {
      expect(await goMod(name)).toMatch(
        new RegExp(`^(require )?\\s*${VERSIONED[name] ?? ''} v${version.replaceAll('.', '\\.')}( |$)`, 'm'),
      );
    },
  );

  it.each(PYTHON_TOOLS.map(({ module }) => [module.name, module.version] as const))(
    'says the version of %s that requirements.txt pins, with hashes: %s',
    async (name, version) => {
      const text = await readFile(new URL(`../../sandbox/tools/${name}/requirements.txt`, import.meta.url), 'utf8');
      expect(text).toMatch(new RegExp(`^\\S+==${version.replaceAll('.', '\\.')} `, 'm'));
      expect(text.match(/--hash=sha256:[0-9a-f]{64}/g)?.length).toBeGreaterThan(0);
    },
  );

  it('has only releases that are pinned and served over https', () => {
    for (const release of RELEASES) {
      expect(release.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(release.url).toMatch(/^https:\/\//);
      expect(release.version).toBe(TOOLS[release.tool].module.version);
    }
  });
});
