import { mkdir, readFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { PAUSE_IMAGE } from './base-images.ts';
import type { NodePlace } from './node-place.ts';

export interface NodeFiles {
  readonly containerd: string;
  readonly kubelet: string;
}

/** What statfs says of an overlay file system, which cannot be the upper part of another one. */
const OVERLAY_MAGIC = 0x794c7630;
const CNI_VERSION = '0.4.0';

/**
 * Writes the settings of containerd, of the pods' network and of kubelet. `authority` signs the clients of kubelet; `plugins` is the
 * folder of the CNI plugins.
 */
export async function writeNodeFiles(place: NodePlace, { authority, plugins }: { authority: string; plugins: string }): Promise<NodeFiles> {
  const cni = join(place.folder, 'cni');
  await mkdir(cni, { recursive: true, mode: 0o700 });
  const file = (name: string) => join(place.folder, name);
  const snapshotter = (await statfs(place.folder)).type === OVERLAY_MAGIC ? 'native' : 'overlayfs';
  await writeFile(file('containerd.toml'), containerdSettings({ plugins, cni, snapshotter }));
  await writeFile(join(cni, '10-bridge.conflist'), JSON.stringify(podNetwork(place), undefined, 2));
  // Pods find no names but those of their own hosts file: there is no DNS server.
  await writeFile(file('resolv.conf'), '');
  const settings = kubeletSettings(place, { authority, names: file('resolv.conf'), cgroupV1: await isCgroupV1() });
  await writeFile(file('kubelet.yaml'), stringify(settings));
  return { containerd: file('containerd.toml'), kubelet: file('kubelet.yaml') };
}

/** Paths are those inside the node, where init-node.sh has made them its own. */
function containerdSettings({ plugins, cni, snapshotter }: { plugins: string; cni: string; snapshotter: string }): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${JSON.stringify(PAUSE_IMAGE)}
  # In containers and small machines root may not lower it.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${JSON.stringify(plugins)}
    conf_dir = ${JSON.stringify(cni)}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;
}

function podNetwork({ podSubnet }: NodePlace): object {
  const ipam = { type: 'host-local', ranges: [[{ subnet: podSubnet }]], routes: [{ dst: '0.0.0.0/0' }] };
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, hairpinMode: true, ipam };
  return { cniVersion: CNI_VERSION, name: 'pods', plugins: [bridge] };
}

function kubeletSettings(
  { cgroup }: NodePlace,
  { authority, names, cgroupV1 }: { authority: string; names: string; cgroupV1: boolean },
): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: authority } },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    resolvConf: names,
    // Pods are below a control group of our own; the machine's are left as they are.
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: [],
    ...(cgroupV1 ? { failCgroupV1: false } : {}),
    oomScoreAdj: 0,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    localStorageCapacityIsolation: false,
    // A full disk is the machine's matter: images and pods stay.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'imagefs.available': '0%', 'nodefs.available': '0%', 'nodefs.inodesFree': '0%' },
    // Pods come and go in seconds in tests.
    syncFrequency: '5s',
    nodeStatusUpdateFrequency: '5s',
    registryPullQPS: 0,
    eventRecordQPS: 0,
  };
}

/** Whether control groups are of the first version: of the second, the root has one list of controllers. */
async function isCgroupV1(): Promise<boolean> {
  return readFile('/sys/fs/cgroup/cgroup.controllers').then(
    () => false,
    () => true,
  );
}
