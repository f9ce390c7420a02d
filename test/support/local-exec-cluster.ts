import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { HoldfastError } from '../../contracts/failures.ts';
import type { CallOptions, Cluster, ExecRequest, ExecResult } from '../../kubernetes/port.ts';
import { listingCluster } from './fake-cluster.ts';

export interface LocalExecCluster extends Cluster {
  /** The commands that were run, in order. */
  readonly commands: readonly (readonly string[])[];
  /** Breaks every connection that there is, as a worker that is killed does: the input of the commands ends. */
  breakConnections(): void;
  /** Ends what runs still. */
  stop(): Promise<void>;
}

interface LocalExecOptions {
  /** The "container's" environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
}

/** A cluster whose commands run as processes of this machine, whatever the pod: for what plugins say to real programs. Nothing else works. */
export function localExecCluster(options: LocalExecOptions): LocalExecCluster {
  const children = new Set<ChildProcess>();
  const commands: (readonly string[])[] = [];
  const breakers = new Set<() => void>();
  const exec = (request: ExecRequest, call: CallOptions = {}): Promise<ExecResult> => {
    commands.push(request.command);
    return runLocally(request, call, { ...options, children, breakers });
  };
  return {
    ...listingCluster(new Map()),
    commands,
    exec,
    breakConnections: () => {
      for (const breakNow of breakers) breakNow();
    },
    stop: async () => {
      const left = [...children].map((child) => {
        const gone = once(child, 'close');
        child.kill('SIGKILL');
        return gone;
      });
      await Promise.all(left);
    },
  };
}

interface Surroundings extends LocalExecOptions {
  readonly children: Set<ChildProcess>;
  readonly breakers: Set<() => void>;
}

function runLocally(
  request: ExecRequest,
  { signal }: CallOptions,
  { env, uid, gid, children, breakers }: Surroundings,
): Promise<ExecResult> {
  const [program = '', ...words] = request.command;
  const child = spawn(program, words, { env, cwd: '/', ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) });
  children.add(child);
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    const disconnect = (reason: unknown) => {
      child.stdin.destroy();
      child.stdout.destroy();
      reject(reason instanceof Error ? reason : new Error(String(reason)));
    };
    const abort = () => {
      disconnect(signal?.reason);
    };
    const lose = () => {
      disconnect(new HoldfastError('Unavailable', 'the connection is lost'));
    };
    breakers.add(lose);
    signal?.addEventListener('abort', abort, { once: true });
    child.on('error', (error: NodeJS.ErrnoException) => {
      children.delete(child);
      if (error.code === 'ENOENT') resolve({ exitCode: 127, stdout: '', stderr: error.message });
      else reject(error);
    });
    const output = (async () => {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
        if (request.onStdout) await request.onStdout(chunk);
        else stdout += chunk.toString();
      }
    })();
    output.catch(disconnect);
    child.on('close', (code) => {
      children.delete(child);
      breakers.delete(lose);
      signal?.removeEventListener('abort', abort);
      output.then(() => {
        resolve({ exitCode: code ?? 137, stdout, stderr });
      }, reject);
    });
    feed(child, request.stdin).catch(disconnect);
  });
}

async function feed(child: ChildProcess, stdin: AsyncIterable<Uint8Array> | undefined): Promise<void> {
  if (!child.stdin) return;
  for await (const chunk of stdin ?? []) {
    if (child.stdin.destroyed) return;
    if (!child.stdin.write(chunk)) await Promise.race([once(child.stdin, 'drain'), once(child.stdin, 'close')]);
  }
  child.stdin.end();
}
