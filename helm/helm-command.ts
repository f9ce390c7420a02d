import { join } from 'node:path';
import { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { installedOrUpgraded } from '../domain/helm/release.ts';
import { withoutValues } from './withheld-values.ts';
import { yamlText } from '../domain/helm/yaml-text.ts';
import { briefly } from '../domain/text/briefly.ts';
import { runWatched } from './helm-process.ts';
import type { HelmProgram, InstalledRelease, InstallRequest } from './port.ts';
import { jsonOf } from './repository-client.ts';

/** Where Helm is, and the cluster that it works on. */
export interface HelmAccess {
  /** Path of the binary. */
  readonly program: string;
  /** '' for Helm's own default. */
  readonly kubeconfig: string;
  /** '' for the current context. */
  readonly context: string;
}

const installed = z.object({ version: z.number(), info: z.object({ status: z.string(), description: z.string().default('') }) });
/** How Helm is reached and finds its way: nothing else of our environment is its business. Login plugins of kubeconfigs need what is theirs. */
const PASSED = /^(PATH|HOME|TMPDIR|KUBECONFIG|KUBERNETES_.*|XDG_.*|SSL_CERT_.*|(https?|no)_proxy|AWS_.*|GOOGLE_.*|AZURE_.*|CLOUDSDK_.*)$/i;
/** Helm's words for a cluster that does not answer: worth another attempt. */
const AWAY =
  /cluster unreachable|connection (refused|reset)|client connection lost|i\/o timeout|TLS handshake timeout|unexpected EOF|: EOF$|unable to handle the request|etcdserver: (leader changed|request timed out)/i;

/** What Helm reads. */
const VALUES = 'values.yaml';
const ARCHIVE = 'chart.tgz';

/** Helm itself. Chart and values go to it through files that nobody else can read, and never through the command line. */
export function helmProgram(access: HelmAccess): HelmProgram {
  return {
    install: async (request, signal) => {
      const own = Object.entries(process.env).filter(([name]) => PASSED.test(name));
      const watched = {
        program: access.program,
        files: { [VALUES]: yamlText(request.values), ...(typeof request.chart === 'string' ? {} : { [ARCHIVE]: request.chart }) },
        arguments: (folder: string) => [...clusterArguments(access), ...installArguments(request, folder)],
        environment: { ...Object.fromEntries(own), HELM_DRIVER: request.records.toLowerCase() },
      };
      const { code, stdout, stderr } = await runWatched(watched, signal);
      if (code !== 0) throw refused(stderr, request);
      return readStatus(stdout);
    },
  };
}

function clusterArguments({ kubeconfig, context }: HelmAccess): readonly string[] {
  return [...(kubeconfig === '' ? [] : [`--kubeconfig=${kubeconfig}`]), ...(context === '' ? [] : [`--kube-context=${context}`])];
}

function installArguments(request: InstallRequest, folder: string): readonly string[] {
  const { release, namespace, timeoutMs, wait, labels, chart, version } = request;
  const options = [
    `--namespace=${namespace}`,
    '--create-namespace',
    `--values=${join(folder, VALUES)}`,
    '--output=json',
    `--timeout=${Math.ceil(timeoutMs / 1000)}s`,
    `--labels=${Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join()}`,
    ...(wait ? ['--wait'] : []),
    ...(version === '' ? [] : [`--version=${version}`]),
  ];
  // Values that an earlier revision was given would be kept where these have none.
  return ['upgrade', '--install', '--reset-values', ...options, '--', release, typeof chart === 'string' ? chart : join(folder, ARCHIVE)];
}

/** Helm and API servers quote what they refuse, and that may be a value. */
function refused(stderr: string, { values }: InstallRequest): HoldfastError {
  // What went wrong comes on the lines after it, where it is more than one thing.
  const last = stderr.slice(Math.max(stderr.lastIndexOf('\nError:'), 0)).trim();
  const words = briefly(withoutValues(last.replace(/^Error:\s*/, ''), values));
  return new HoldfastError(AWAY.test(last) ? FailureType.Unavailable : FailureType.BadInput, `helm refuses: ${words}`, {
    advice: 'see `helm status` and `helm history` of the release',
  });
}

function readStatus(output: string): InstalledRelease {
  const { data } = installed.safeParse(jsonOf(Buffer.from(output)));
  if (!data) throw new HoldfastError(FailureType.BadInput, 'helm answers with something else than a release', { advice: 'use Helm 3' });
  const { status, description } = data.info;
  return { revision: data.version, status, action: installedOrUpgraded(description) };
}
