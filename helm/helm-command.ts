import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { RecordKind } from '../domain/helm/stored-record.ts';
import { briefly } from '../domain/text/briefly.ts';
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

export interface InstallRequest {
  readonly release: string;
  readonly namespace: string;
  /** A chart archive, or in its place a chart by a name that Helm understands. */
  readonly chart: Buffer | string;
  /** YAML. */
  readonly values: string;
  /** Where Helm keeps its records of the release. */
  readonly records: RecordKind;
  readonly timeoutMs: number;
  readonly wait: boolean;
}

export interface InstalledRelease {
  readonly revision: number;
  readonly status: string;
}

const installed = z.object({ version: z.number(), info: z.object({ status: z.string() }) });
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** How Helm is reached and finds its way: nothing else of our environment is its business. Login plugins of kubeconfigs need what is theirs. */
const PASSED = /^(PATH|HOME|TMPDIR|KUBECONFIG|KUBERNETES_.*|XDG_.*|SSL_CERT_.*|(https?|no)_proxy|AWS_.*|GOOGLE_.*|AZURE_.*|CLOUDSDK_.*)$/i;

/**
 * Installs a release, or upgrades it when there is one, with Helm itself: hooks, CRDs and all. Chart and values go through files that nobody else
 * can read, and never through the command line. `BadInput` with Helm's own words when it refuses.
 */
export async function installRelease(access: HelmAccess, request: InstallRequest, signal: AbortSignal): Promise<InstalledRelease> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-helm-'));
  try {
    const values = join(folder, 'values.yaml');
    await writeFile(values, request.values, { mode: 0o600 });
    const archive = join(folder, 'chart.tgz');
    if (typeof request.chart !== 'string') await writeFile(archive, request.chart, { mode: 0o600 });
    const chart = typeof request.chart === 'string' ? request.chart : archive;
    const output = await runHelm(access, installArguments(request, { values, chart }), { records: request.records, signal });
    return readStatus(output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function installArguments(request: InstallRequest, files: { readonly values: string; readonly chart: string }): readonly string[] {
  const { release, namespace, timeoutMs, wait } = request;
  const waiting = [`--timeout=${Math.ceil(timeoutMs / 1000)}s`, ...(wait ? ['--wait'] : [])];
  const options = [`--namespace=${namespace}`, '--create-namespace', `--values=${files.values}`, '--output=json', ...waiting];
  // Values that an earlier revision was given would be kept where these have none.
  return ['upgrade', '--install', '--reset-values', ...options, '--', release, files.chart];
}

interface HelmRun {
  readonly records: RecordKind;
  readonly signal: AbortSignal;
}

async function runHelm(access: HelmAccess, args: readonly string[], { records, signal }: HelmRun): Promise<string> {
  const { program, kubeconfig, context } = access;
  const cluster = [...(kubeconfig === '' ? [] : [`--kubeconfig=${kubeconfig}`]), ...(context === '' ? [] : [`--kube-context=${context}`])];
  const own = Object.entries(process.env).filter(([name]) => PASSED.test(name));
  const env = { ...Object.fromEntries(own), HELM_DRIVER: records.toLowerCase() };
  signal.throwIfAborted();
  const child = spawn(program, [...cluster, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] = (said[name] + text).slice(-MAX_OUTPUT_BYTES);
    });
  }
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    if (code === 0) return said.stdout;
    throw refused(said.stderr);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new HoldfastError(FailureType.NotFound, `helm cannot be started (${(error as NodeJS.ErrnoException).code ?? 'error'})`, {
      advice: 'set HOLDFAST_BIN to a folder that has helm',
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function refused(stderr: string): HoldfastError {
  const last = stderr.split('\n').findLast((line) => line.startsWith('Error:')) ?? stderr;
  const isAway = /cluster unreachable|connection refused|i\/o timeout/i.test(last);
  const words = briefly(last.replace(/^Error:\s*/, ''));
  return new HoldfastError(isAway ? FailureType.Unavailable : FailureType.BadInput, `helm refuses: ${words}`, {
    advice: 'see `helm status` and `helm history` of the release',
  });
}

function readStatus(output: string): InstalledRelease {
  const { data } = installed.safeParse(jsonOf(Buffer.from(output)));
  if (data) return { revision: data.version, status: data.info.status };
  throw new HoldfastError(FailureType.BadInput, 'helm answers with something else than a release', { advice: 'use Helm 3' });
}
