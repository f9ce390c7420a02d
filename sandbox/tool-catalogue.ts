/** A Go module of ours in sandbox/tools that pins the sources of one or more tools. */
export interface ToolModule {
  /** Folder below sandbox/tools. */
  readonly name: string;
  /** Version of the tools that the module's go.mod pins. */
  readonly version: string;
  /** Flags for the linker. */
  readonly ldflags: string;
}

export interface Tool {
  readonly name: ToolName;
  readonly module: ToolModule;
  readonly goPackage: string;
  /** How the tool is asked for its version. */
  readonly versionArgument: string;
  /** The version in the answer; its first two groups are major and minor. Absent: any answer will do. */
  readonly versionPattern?: RegExp;
  /** Which versions found on PATH can take the place of the pinned one. */
  readonly accepts: 'same-minor' | 'same-major-from-minor' | 'any';
  /** Seconds that a build takes on two cores with nothing cached. */
  readonly buildSeconds: number;
}

export type ToolName = 'etcd' | 'etcdctl' | 'etcdutl' | 'kube-apiserver' | 'kube-controller-manager' | 'temporal' | 'versitygw';

const KUBERNETES: ToolModule = {
  name: 'kubernetes',
  version: '1.37.2',
  ldflags: '-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2',
};
const ETCD: ToolModule = { name: 'etcd', version: '3.7.3', ldflags: '-s -w' };
const TEMPORAL: ToolModule = {
  name: 'temporal',
  version: '1.5.1',
  ldflags: '-s -w -X github.com/temporalio/cli/temporalcli.Version=1.5.1',
};
const VERSITYGW: ToolModule = { name: 'versitygw', version: '1.8.0', ldflags: '-s -w' };

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

export const TOOLS: Readonly<Record<ToolName, Tool>> = {
  etcd: etcdTool('etcd', 'go.etcd.io/etcd/server/v3', '--version'),
  etcdctl: etcdTool('etcdctl', 'go.etcd.io/etcd/etcdctl/v3', 'version'),
  etcdutl: etcdTool('etcdutl', 'go.etcd.io/etcd/etcdutl/v3', 'version'),
  'kube-apiserver': kubernetesTool('kube-apiserver', 300),
  'kube-controller-manager': kubernetesTool('kube-controller-manager', 100),
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
};
