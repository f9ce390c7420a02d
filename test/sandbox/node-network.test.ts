import { BlockList } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeNetwork, overlaps } from '../../sandbox/node/node-network.ts';

/** An address and the length of a prefix, close enough to each other that many overlap. */
const network = fc.tuple(
  fc.constant(10),
  fc.integer({ min: 200, max: 201 }),
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 0, max: 255 }),
);
const cidr = fc.tuple(network, fc.integer({ min: 8, max: 32 }));
const text = ([bytes, prefix]: readonly [readonly number[], number]): string => `${bytes.join('.')}/${prefix}`;

describe('the network of a node', () => {
  it('fits into what Linux allows for the name of a link', () => {
    expect(nodeNetwork('254.255').link.length).toBeLessThan(16);
  });

  it('has the host, the node and the pods apart', () => {
    const { hostAddress, nodeAddress, podSubnet } = nodeNetwork('220.17');
    expect([hostAddress, nodeAddress, podSubnet]).toEqual(['10.220.17.1', '10.220.17.2', '10.220.17.128/25']);
    expect(overlaps(`${hostAddress}/30`, podSubnet)).toBe(false);
    expect(overlaps(`${nodeAddress}/30`, `${hostAddress}/30`)).toBe(true);
  });

  it('overlaps with another when the larger of the two has an address of the smaller', () => {
    fc.assert(
      fc.property(cidr, cidr, (one, other) => {
        const [larger, smaller] = one[1] <= other[1] ? [one, other] : [other, one];
        const addresses = new BlockList();
        addresses.addSubnet(larger[0].join('.'), larger[1]);
        expect(overlaps(text(one), text(other))).toBe(addresses.check(smaller[0].join('.')));
      }),
    );
  });

  it('takes an address without a prefix for one address, and a default route for no network', () => {
    expect(overlaps('10.200.1.7', '10.200.1.0/24')).toBe(true);
    expect(overlaps('10.200.2.7', '10.200.1.0/24')).toBe(false);
    expect(overlaps('default', '10.200.1.0/24')).toBe(false);
  });
});
