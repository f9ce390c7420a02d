/** Where one or more tools come from, pinned in a folder below sandbox/tools. */
export type ToolModule = GoModule | PythonModule | MavenModule;

/** A Go module of ours that pins the sources. */
export interface GoModule {
  readonly kind: 'go';
  /** Folder below sandbox/tools. */
  readonly name: string;
  /** Version of the tools that the module's go.mod pins. */
  readonly version: string;
  /** Flags for the linker. */
  readonly ldflags: string;
}

/** A Python package that brings the binary. */
export interface PythonModule {
  readonly kind: 'python';
  /** Folder below sandbox/tools. */
  readonly name: string;
  /** Version of the package that requirements.txt pins. */
  readonly version: string;
}

/** A Java program in the Maven repository. */
export interface MavenModule {
  readonly kind: 'maven';
  /** Folder below sandbox/tools. */
  readonly name: string;
  /** Version of the program that pom.xml pins. */
  readonly version: string;
}

export interface Tool {
  readonly name: ToolName;
  readonly module: ToolModule;
  /** Package of the Go module; '' for tools that are not of Go. */
  readonly goPackage: string;
  /** How the tool is asked for its version. */
  readonly versionArgument: string;
  /** The version in the answer; its first two groups are major and minor. Absent: any answer will do. */
  readonly versionPattern?: RegExp;
  /** Which versions found on PATH can take the place of the pinned one. */
  readonly accepts: 'same-minor' | 'same-major-from-minor' | 'any';
  /** Seconds that a build or an installation takes on two cores with nothing cached. */
  readonly buildSeconds: number;
}

export type ToolName =
  | 'etcd'
  | 'etcdctl'
  | 'etcdutl'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubelet'
  | 'csi-provisioner'
  | 'csi-snapshotter'
  | 'snapshot-controller'
  | 'restic'
  | 'helm'
  | 'temporal'
  | 'versitygw'
  | 'fake-gcs-server'
  | 'rclone'
  | 'temporal-test-server';

const KUBERNETES: ToolModule = {
  kind: 'go',
  name: 'kubernetes',
  version: '1.37.2',
  ldflags: '-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2',
};
const ETCD: ToolModule = { kind: 'go', name: 'etcd', version: '3.7.3', ldflags: '-s -w' };
const CSI_PROVISIONER: ToolModule = { kind: 'go', name: 'csi-provisioner', version: '5.3.0', ldflags: '-s -w -X main.version=v5.3.0' };
const CSI_SNAPSHOTTER: ToolModule = { kind: 'go', name: 'csi-snapshotter', version: '8.7.0', ldflags: '-s -w -X main.version=v8.7.0' };
const TEMPORAL: ToolModule = {
  kind: 'go',
  name: 'temporal',
  version: '1.5.1',
  ldflags: '-s -w -X github.com/temporalio/cli/temporalcli.Version=1.5.1',
};
const VERSITYGW: ToolModule = { kind: 'go', name: 'versitygw', version: '1.8.0', ldflags: '-s -w' };
const RESTIC: ToolModule = { kind: 'go', name: 'restic', version: '0.18.1', ldflags: '-s -w' };
const HELM: ToolModule = {
  kind: 'go',
  name: 'helm',
  version: '3.22.0',
  ldflags: '-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0',
};
const FAKE_GCS_SERVER: ToolModule = { kind: 'go', name: 'fake-gcs-server', version: '1.56.1', ldflags: '-s -w' };
const TEMPORAL_TEST_SERVER: ToolModule = { kind: 'maven', name: 'temporal-test-server', version: '1.38.0' };
const RCLONE: ToolModule = { kind: 'python', name: 'rclone', version: '1.75.2' };

const etcdTool = (name: ToolName, goPackage: string, versionArgument: string): Tool => ({
  name,
  module: ETCD,
  goPackage,
  versionArgument,
  versionPattern: /version: (\d+)\.(\d+)/i,
  accepts: 'same-minor',
  buildSeconds: 40,
});

const kubernetesTool = (name: ToolName, buildSeconds: number): Tool => ({
  name,
  module: KUBERNETES,
  goPackage: `k8s.io/kubernetes/cmd/${name}`,
  versionArgument: '--version',
  versionPattern: /v(\d+)\.(\d+)/,
  accepts: 'same-minor',
  buildSeconds,
});

const snapshotTool = (name: ToolName, buildSeconds: number): Tool => ({
  name,
  module: CSI_SNAPSHOTTER,
  goPackage: `github.com/kubernetes-csi/external-snapshotter/v8/cmd/${name}`,
  versionArgument: '--version',
  versionPattern: /v(\d+)\.(\d+)/,
  accepts: 'same-minor',
  buildSeconds,
});

export const TOOLS: Readonly<Record<ToolName, Tool>> = {
  etcd: etcdTool('etcd', 'go.etcd.io/etcd/server/v3', '--version'),
  etcdctl: etcdTool('etcdctl', 'go.etcd.io/etcd/etcdctl/v3', 'version'),
  etcdutl: etcdTool('etcdutl', 'go.etcd.io/etcd/etcdutl/v3', 'version'),
  'kube-apiserver': kubernetesTool('kube-apiserver', 300),
  'kube-controller-manager': kubernetesTool('kube-controller-manager', 100),
  'kube-scheduler': kubernetesTool('kube-scheduler', 50),
  kubelet: kubernetesTool('kubelet', 60),
  'csi-provisioner': {
    name: 'csi-provisioner',
    module: CSI_PROVISIONER,
    goPackage: 'github.com/kubernetes-csi/external-provisioner/v5/cmd/csi-provisioner',
    versionArgument: '--version',
    versionPattern: /v(\d+)\.(\d+)/,
    accepts: 'same-minor',
    buildSeconds: 130,
  },
  'csi-snapshotter': snapshotTool('csi-snapshotter', 50),
  'snapshot-controller': snapshotTool('snapshot-controller', 20),
  temporal: {
    name: 'temporal',
    module: TEMPORAL,
    goPackage: 'github.com/temporalio/cli/cmd/temporal',
    versionArgument: '--version',
    versionPattern: /version (\d+)\.(\d+)/,
    accepts: 'same-major-from-minor',
    buildSeconds: 180,
  },
  versitygw: {
    name: 'versitygw',
    module: VERSITYGW,
    goPackage: 'github.com/versity/versitygw/cmd/versitygw',
    versionArgument: '--version',
    accepts: 'any',
    buildSeconds: 60,
  },
  restic: {
    name: 'restic',
    module: RESTIC,
    goPackage: 'github.com/restic/restic/cmd/restic',
    versionArgument: 'version',
    versionPattern: /restic (\d+)\.(\d+)/,
    accepts: 'same-minor',
    buildSeconds: 60,
  },
  helm: {
    name: 'helm',
    module: HELM,
    goPackage: 'helm.sh/helm/v3/cmd/helm',
    versionArgument: 'version',
    versionPattern: /Version:"v(\d+)\.(\d+)/,
    // Releases are recorded alike by all of version 3.
    accepts: 'same-major-from-minor',
    buildSeconds: 80,
  },
  'fake-gcs-server': {
    name: 'fake-gcs-server',
    module: FAKE_GCS_SERVER,
    goPackage: 'github.com/fsouza/fake-gcs-server',
    // It has no way to be asked for its version.
    versionArgument: '-help',
    accepts: 'any',
    buildSeconds: 60,
  },
  'temporal-test-server': {
    name: 'temporal-test-server',
    module: TEMPORAL_TEST_SERVER,
    goPackage: '',
    // It has no way to be asked for its version.
    versionArgument: '--help',
    accepts: 'any',
    buildSeconds: 60,
  },
  rclone: {
    name: 'rclone',
    module: RCLONE,
    goPackage: '',
    versionArgument: 'version',
    versionPattern: /rclone v(\d+)\.(\d+)/,
    accepts: 'same-major-from-minor',
    buildSeconds: 10,
  },
};
