/** How to reach one API server: what kube-config.ts reads out of a kubeconfig or a pod's own files. */
export interface ClusterAccess {
  readonly contextName: string;
  /** Of the API server, without a slash at the end; may have a path. */
  readonly server: string;
  /** The context's default namespace; '' when it names none. */
  readonly namespace: string;
  /** As the kubeconfig has it; '' for none. */
  readonly proxyUrl: string;
  /** The folder of this machine below which `hostPath` and `local` volumes of the cluster may be read and written; '' for none. */
  readonly localVolumes: string;
  /** The credentials of now: cached for some seconds, then read again, so that rotated files and expired tokens are followed. */
  credentials(): Promise<Credentials>;
  /** Forgets what is cached: files are read, and credential plugins run, anew. */
  refresh(): void;
}

export interface Credentials {
  /** Authorization and impersonation. A header with several values is sent once for each. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly tls: TlsOptions;
}

/** The names are those of node:tls. */
export interface TlsOptions {
  readonly ca?: Buffer | string;
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}
