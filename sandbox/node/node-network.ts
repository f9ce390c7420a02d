import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { NODE_PATH } from './node-path.ts';

/** The private network of one node: 10.x.y.0/24. */
export interface NodeNetwork {
  /** The end of the node's link that is on this machine's side. */
  readonly link: string;
  /** Where the node and its pods reach the servers that listen on this machine's 127.0.0.1. */
  readonly hostAddress: string;
  readonly nodeAddress: string;
  /** CIDR. */
  readonly podSubnet: string;
}

/** 10.200.0.0/16 and up: below are the networks that clusters, container engines and companies like to use. */
const SECOND_BYTES = { from: 200, to: 255 } as const;
const ATTEMPTS = 50;

/** The network that belongs to the two middle bytes, `x.y`. */
export function nodeNetwork(bytes: string): NodeNetwork {
  return {
    link: `hf${bytes.replace('.', '-')}`,
    hostAddress: `10.${bytes}.1`,
    nodeAddress: `10.${bytes}.2`,
    podSubnet: `10.${bytes}.128/25`,
  };
}

/** The two middle bytes of a network that overlaps with none that this machine has a route to. `Unavailable` when there is none. */
export async function unusedNetwork(): Promise<string> {
  const { stdout } = await promisify(execFile)('ip', ['-4', '-json', 'route', 'show', 'table', 'all'], { env: { PATH: NODE_PATH } });
  const routes = (JSON.parse(stdout) as readonly { readonly dst: string }[]).map(({ dst }) => dst);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const bytes = `${randomInt(SECOND_BYTES.from, SECOND_BYTES.to)}.${randomInt(256)}`;
    if (!routes.some((route) => overlaps(route, `10.${bytes}.0/24`)) && !(await isLink(nodeNetwork(bytes).link))) return bytes;
  }
  throw new HoldfastError(FailureType.Unavailable, 'no unused network for a node was found between 10.200.0.0 and 10.254.255.0', {
    advice: 'see with `ip route` who uses them',
  });
}

/** Whether two IPv4 networks in CIDR notation have an address in common. A default route is for what is nowhere else, and overlaps nothing. */
export function overlaps(a: string, b: string): boolean {
  if (a === 'default' || b === 'default') return false;
  const [one, other] = [parse(a), parse(b)];
  const shift = 32 - Math.min(one.prefix, other.prefix);
  return Math.floor(one.address / 2 ** shift) === Math.floor(other.address / 2 ** shift);
}

function parse(cidr: string): { readonly address: number; readonly prefix: number } {
  const [address = '', prefix = '32'] = cidr.split('/');
  return { address: address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0), prefix: Number(prefix) };
}

function isLink(name: string): Promise<boolean> {
  return access(`/sys/class/net/${name}`).then(
    () => true,
    () => false,
  );
}
