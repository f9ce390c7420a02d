import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { issue, newAuthority, type Authority } from '../../sandbox/certificates.ts';
import { freePort } from '../../sandbox/free-port.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';

/** Files of a client that the members let in. */
export interface ClientFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

interface Member {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  dataDir: string;
  process?: ChildProcess;
}

export interface StartOptions {
  /** 1 by default. */
  readonly members?: number;
  /** Arguments for every member. */
  readonly more?: readonly string[];
}

/** Real etcd members on 127.0.0.1 that ask for client certificates, each a process that can be killed. */
export class EtcdCluster {
  readonly folder: string;
  readonly files: ClientFiles;
  /** Signed by an authority that the members do not know. */
  readonly strangersFiles: ClientFiles;
  readonly members: Member[];
  readonly #tools: ReadonlyMap<string, string>;
  readonly #more: readonly string[];
  readonly #clients: Etcd3[] = [];

  private constructor(parts: Pick<EtcdCluster, 'folder' | 'files' | 'strangersFiles' | 'members'> & PrivateParts) {
    this.folder = parts.folder;
    this.files = parts.files;
    this.strangersFiles = parts.strangersFiles;
    this.members = parts.members;
    this.#tools = parts.tools;
    this.#more = parts.more;
  }

  /** Resolves when all members serve. */
  static async start({ members: count = 1, more = [] }: StartOptions = {}): Promise<EtcdCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-etcd-'));
    const authority = newAuthority('etcd-ca');
    const files = await writeClient(join(folder, 'client'), authority, authority);
    const strangersFiles = await writeClient(join(folder, 'stranger'), newAuthority('another-ca'), authority);
    const server = issue(authority, { commonName: 'etcd', usage: 'both' });
    await writeFile(join(folder, 'server.crt'), server.certificate);
    await writeFile(join(folder, 'server.key'), server.key, { mode: 0o600 });
    const members: Member[] = [];
    for (let number = 1; number <= count; number += 1) members.push(await newMember(folder, `m${number}`));
    const tools = await resolveTools(['etcd', 'etcdctl', 'etcdutl']);
    const cluster = new EtcdCluster({ folder, files, strangersFiles, members, tools, more });
    await cluster.startMembers('test');
    return cluster;
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ clientUrl }) => clientUrl);
  }

  /** As `--initial-cluster` takes it. */
  get initialCluster(): string {
    return this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  }

  /** `--endpoints` and the files, as the command line has them. */
  flags(endpoints: readonly string[] = this.endpoints, files: ClientFiles = this.files): readonly string[] {
    return ['--endpoints', endpoints.join(','), '--cacert', files.caFile, '--cert', files.certFile, '--key', files.keyFile];
  }

  /** Starts every member from its data directory and waits until all serve. */
  async startMembers(token: string): Promise<void> {
    for (const member of this.members) await this.#spawn(member, token);
    await this.serves();
  }

  /** The flags of a member beside those of the first start; `name=value`, as in manifests. */
  argumentsOf({ name, clientUrl, peerUrl }: Member, dataDir: string): readonly string[] {
    const file = (of: string): string => join(this.folder, of);
    return [
      ...[`--name=${name}`, `--data-dir=${dataDir}`],
      ...[`--listen-client-urls=${clientUrl}`, `--advertise-client-urls=${clientUrl}`],
      ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
      ...['', 'peer-'].flatMap((role) => [
        `--${role}cert-file=${file('server.crt')}`,
        `--${role}key-file=${file('server.key')}`,
        `--${role}trusted-ca-file=${this.files.caFile}`,
        `--${role}client-cert-auth`,
      ]),
    ];
  }

  /** Starts one with exactly these flags, by its place among the members. */
  runWith(index: number, args: readonly string[]): Promise<void> {
    return this.#run(this.members[index]!, args);
  }

  /** Resolves when all serve. */
  async serves(): Promise<void> {
    await Promise.all(this.members.map(async (member) => this.#serves(member)));
  }

  /** By its place among the members. */
  async kill(index: number, signal: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL'): Promise<void> {
    const child = this.members[index]!.process!;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    process.kill(child.pid!, signal);
    if (signal === 'SIGKILL') await ended;
  }

  /** A member that does not vote; its place among the members. */
  async addLearner(): Promise<number> {
    const member = await newMember(this.folder, `m${this.members.length + 1}`);
    await this.tool('etcdctl', ['member', 'add', member.name, '--learner', `--peer-urls=${member.peerUrl}`]);
    this.members.push(member);
    await this.#spawn(member, 'test', ['--initial-cluster-state', 'existing']);
    return this.members.length - 1;
  }

  isRunning(index: number): boolean {
    const child = this.members[index]?.process;
    return child !== undefined && isAlive(child);
  }

  /** As `kill`, if it runs. */
  async end(index: number): Promise<void> {
    if (this.isRunning(index)) await this.kill(index);
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.members.keys()].map(async (index) => this.end(index)));
  }

  /** A client with the right certificate, of this cluster's endpoints or some of them. */
  async client(endpoints: readonly string[] = this.endpoints): Promise<Etcd3> {
    const { caFile, certFile, keyFile } = this.files;
    const [rootCertificate, certChain, privateKey] = await Promise.all([caFile, certFile, keyFile].map(async (file) => readFile(file)));
    const client = new Etcd3({
      hosts: [...endpoints],
      credentials: { rootCertificate: rootCertificate!, certChain: certChain!, privateKey: privateKey! },
    });
    this.#clients.push(client);
    return client;
  }

  /** etcd's own tools, with the certificates for those that connect. */
  async tool(name: 'etcdctl' | 'etcdutl', args: readonly string[]): Promise<string> {
    const reach = name === 'etcdctl' ? this.flags() : [];
    return run(this.#tools.get(name)!, [...reach, ...args]);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.killAll();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #spawn(member: Member, token: string, more = this.#more): Promise<void> {
    const initial = ['--initial-cluster', this.initialCluster, '--initial-cluster-token', token];
    await this.#run(member, [...this.argumentsOf(member, member.dataDir), ...initial, '--unsafe-no-fsync', '--log-level', 'warn', ...more]);
  }

  async #run(member: Member, args: readonly string[]): Promise<void> {
    const log = await open(join(this.folder, `${member.name}.log`), 'a');
    member.process = spawn(this.#tools.get('etcd')!, args, { stdio: ['ignore', log.fd, log.fd] });
    await log.close();
  }

  async #serves(member: Member): Promise<void> {
    const client = await this.client([member.clientUrl]);
    const deadline = performance.now() + 60_000;
    for (;;) {
      // A linearizable read: it is answered when the cluster has a leader.
      const answer = await client
        .get('health')
        .exec()
        .catch((error: unknown) => error as Error);
      if (!(answer instanceof Error)) break;
      if (!isAlive(member.process!) || performance.now() > deadline) {
        const log = await readFile(join(this.folder, `${member.name}.log`), 'utf8');
        throw new Error(`etcd ${member.name} does not serve: ${answer.message}\n${log.slice(-2_000)}`);
      }
      await delay(100);
    }
    client.close();
  }
}

async function newMember(folder: string, name: string): Promise<Member> {
  const [client, peer] = [await freePort(), await freePort()];
  return { name, clientUrl: `https://127.0.0.1:${client}`, peerUrl: `https://127.0.0.1:${peer}`, dataDir: join(folder, name) };
}

interface PrivateParts {
  readonly tools: ReadonlyMap<string, string>;
  readonly more: readonly string[];
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function writeClient(folder: string, authority: Authority, trusted: Authority): Promise<ClientFiles> {
  await mkdir(folder, { recursive: true });
  const files = { caFile: join(folder, 'ca.crt'), certFile: join(folder, 'client.crt'), keyFile: join(folder, 'client.key') };
  const { certificate, key } = issue(authority, { commonName: 'client', usage: 'client' });
  await writeFile(files.caFile, trusted.certificate);
  await writeFile(files.certFile, certificate);
  await writeFile(files.keyFile, key, { mode: 0o600 });
  return files;
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}
