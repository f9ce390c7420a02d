import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mountsDisks, neededTools, nodeNeeds } from '../../scripts/test-needs.ts';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
/** Taken apart, so that this file is not taken for one that starts servers itself. */
const starter = (server: string): string => `startTest${server}`;
const MOUNT = ['mount', 'Disk'].join('');
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(TESTS, 'scripts', '.needs-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('neededTools', () => {
  it.each<[string, string, readonly string[]]>([
    ['nothing', "import { a } from '../../support/memory-store.ts';", []],
    ['an S3 server', `import { ${starter('S3')} } from '../../support/sandbox-env.ts';`, ['versitygw']],
    ['a second S3 server', `await ${starter('SecondS3')}();`, ['rclone']],
    ['a server of Cloud Storage', `await ${starter('Gcs')}();`, ['fake-gcs-server']],
    ['Temporal', `import { ${starter('Temporal')} } from '../../support/sandbox-env.ts';`, ['temporal']],
    ['a control plane', `await ${starter('Cluster')}();`, ['etcd', 'kube-apiserver', 'kube-controller-manager']],
    ['a node', `await ${starter('Node')}();`, ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'restic']],
  ])('finds that a test needs %s', async (_what, text, tools) => {
    await writeFile(join(folder, 'a.test.ts'), text);
    expect([...neededTools(join(folder, 'a.test.ts'))]).toEqual(tools);
  });

  it('follows the test code that a test imports, also in a circle', async () => {
    await writeFile(join(folder, 'a.test.ts'), "import { b } from './b.ts';");
    await writeFile(join(folder, 'b.ts'), `import './a.test.ts';\n${starter('S3')}();`);
    expect([...neededTools(join(folder, 'a.test.ts'))]).toEqual(['versitygw']);
  });

  it('finds that a test mounts a disk', async () => {
    await writeFile(join(folder, 'a.test.ts'), "import './b.ts';");
    expect(mountsDisks(join(folder, 'a.test.ts'))).toBe(false);
    await writeFile(join(folder, 'b.ts'), `await ${MOUNT}(folder, 2);`);
    expect(mountsDisks(join(folder, 'a.test.ts'))).toBe(true);
  });

  it('finds that a test needs a machine for a node, and servers', async () => {
    await writeFile(join(folder, 'a.test.ts'), "import { b } from './b.ts';");
    await writeFile(join(folder, 'b.ts'), `${starter('Node')}();`);
    expect(nodeNeeds(join(folder, 'a.test.ts'))).toEqual({ node: true, servers: [] });
    await writeFile(join(folder, 'b.ts'), `upSandbox({ ${['with', 'Node'].join('')}: true }); ${['postgres', 'Image'].join('')}();`);
    expect(nodeNeeds(join(folder, 'a.test.ts'))).toEqual({ node: true, servers: ['postgres'] });
    await writeFile(join(folder, 'b.ts'), `${['mariadb', 'Image'].join('')}(); ${['searchEngine', 'Server'].join('')}();`);
    expect(nodeNeeds(join(folder, 'a.test.ts'))).toEqual({ node: false, servers: ['mariadb', 'java'] });
    await writeFile(join(folder, 'b.ts'), `${starter('Cluster')}();`);
    expect(nodeNeeds(join(folder, 'a.test.ts'))).toEqual({ node: false, servers: [] });
  });

  it('takes it that an end-to-end test needs everything', () => {
    expect(neededTools(join(TESTS, 'e2e', 'none.test.ts')).size).toBe(6);
  });
});
