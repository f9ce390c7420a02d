import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { captureEtcd } from '../../activities/etcd/capture-etcd.ts';
import type { CapturedEtcd } from '../../contracts/etcd.ts';
import { openEtcd } from '../../etcd/etcd-client.ts';
import { writeSnapshot } from '../../etcd/snapshot-file.ts';
import { initRepository } from '../../repository/init.ts';
import { readStream } from '../../repository/read-stream.ts';
import { openRepository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import type { ClientFiles } from './etcd-cluster.ts';

const PROGRAM = fileURLToPath(import.meta.url);
const NEVER = new AbortController().signal;
const KIBIBYTE = 1024;

interface CaptureRequest {
  readonly endpoint: string;
  readonly files: ClientFiles;
  /** An empty folder: the repository is made in it. */
  readonly location: string;
  /** Where the snapshot is then read back to, if anywhere. */
  readonly restored?: string;
}

export interface CaptureFigures {
  readonly etcd: CapturedEtcd;
  /** From the first question to the member until everything is stored. */
  readonly seconds: number;
  /** The highest resident size that the process has had until then. */
  readonly peakBytes: number;
}

/** Captures an etcd in a process that does nothing else, so that time and memory are those of the capture. Linux: memory is read from /proc. */
export async function captureInProcess(request: CaptureRequest): Promise<CaptureFigures> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(request)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the capture ended with ${String(code)}`);
  return JSON.parse(stdout) as CaptureFigures;
}

async function capture({ endpoint, files, location, restored }: CaptureRequest): Promise<CaptureFigures> {
  const store = new FilesystemStore(location);
  await store.prepare();
  const { recoveryKey = '' } = await initRepository(store);
  const repository = await openRepository(store, { identities: [recoveryKey] });
  const [authority, certificate, key] = await Promise.all([readFile(files.caFile), readFile(files.certFile), readFile(files.keyFile)]);
  const etcd = openEtcd({ endpoints: [endpoint], authority, certificate, key });
  try {
    const began = performance.now();
    const result = await captureEtcd({ etcd, repository, pulse: { beat: () => undefined, signal: NEVER, resumeFrom: undefined } });
    const seconds = (performance.now() - began) / 1_000;
    const peakBytes = process.resourceUsage().maxRSS * KIBIBYTE;
    if (restored !== undefined) {
      const content = readStream(repository, result.etcd.snapshot, NEVER);
      await writeSnapshot(restored, result.etcd, { content, onBytes: () => undefined });
    }
    return { etcd: result.etcd, seconds, peakBytes };
  } finally {
    etcd.close();
  }
}

if (process.argv[1] === PROGRAM) process.stdout.write(JSON.stringify(await capture(JSON.parse(process.argv[2] ?? '') as CaptureRequest)));
