import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { NodePlace } from '../../sandbox/node/node-place.ts';

/** What of a node can be seen on the machine, one line each: processes, mounts, links, routes, firewall rules, control groups. */
export function tracesOf(place: Pick<NodePlace, 'folder' | 'link' | 'hostAddress' | 'podSubnet' | 'cgroup'>): readonly string[] {
  const ours = [place.folder, place.link, place.hostAddress, place.podSubnet, place.cgroup];
  const lines = [
    ...output('ps', '-eo', 'pid=,args=', '-ww'),
    ...output('ip', '-oneline', 'address'),
    ...output('ip', 'route'),
    ...output('iptables', '-w', '-t', 'nat', '-S'),
    ...output('find', '/sys/fs/cgroup', '-type', 'd'),
    ...readFileSync('/proc/mounts', 'utf8').split('\n'),
  ];
  return lines.filter((line) => ours.some((trace) => line.includes(trace)));
}

/** The network namespace of a process. */
export function namespaceOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

/** The processes in that network namespace, and the mounts that keep it. */
export function usersOfNamespace(namespace: string): readonly string[] {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const inside = processes.filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/net`) === namespace;
    } catch {
      return false;
    }
  });
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return [...inside, ...mounts.filter((line) => line.includes(namespace))];
}

/** What a kubelet outside of a namespace of its own would leave behind on a machine. */
export function machineState(): unknown {
  const settings = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops', 'net/ipv4/ip_forward'];
  const folders = ['/run', '/var/lib', '/var/log', '/opt', '/mnt'];
  return [
    ...settings.map((setting) => [setting, readFileSync(`/proc/sys/${setting}`, 'utf8')]),
    ...folders.map((folder) => [folder, readdirSync(folder).filter((name) => /kubelet|containerd|cni|netns|pods|runc/.test(name))]),
  ];
}

function output(program: string, ...args: readonly string[]): readonly string[] {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 20_000_000, stdio: ['ignore', 'pipe', 'ignore'] }).split('\n');
}
