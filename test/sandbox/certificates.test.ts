import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { issue, newAuthority } from '../../sandbox/certificates.ts';
import { integer, objectIdentifier, octetString } from '../../sandbox/der.ts';

describe('certificates', () => {
  const authority = newAuthority('test authority');

  it('issues a certificate that its authority vouches for and no other does', () => {
    const leaf = new X509Certificate(issue(authority, { commonName: 'someone', usage: 'client' }).certificate);
    const other = newAuthority('test authority');
    const keyOf = (pem: string) => new X509Certificate(pem).publicKey;
    expect(leaf.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
    expect(leaf.verify(keyOf(authority.certificate))).toBe(true);
    expect(leaf.verify(keyOf(other.certificate))).toBe(false);
  });

  it('says who somebody is and what the certificate is for', () => {
    const identity = { commonName: 'holdfast-admin', organization: 'system:masters', usage: 'client' } as const;
    const leaf = new X509Certificate(issue(authority, identity).certificate);
    expect(leaf.subject).toBe('O=system:masters\nCN=holdfast-admin');
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(leaf.subjectAltName).toBeUndefined();
    expect(leaf.ca).toBe(false);
    expect(new X509Certificate(authority.certificate).ca).toBe(true);
  });

  it('is valid now, and for years', () => {
    const leaf = new X509Certificate(issue(authority, { commonName: 'a', usage: 'server' }).certificate);
    const years = (leaf.validToDate.getTime() - Date.now()) / (365 * 86_400_000);
    expect(leaf.validFromDate.getTime()).toBeLessThan(Date.now());
    expect(years).toBeGreaterThan(9.9);
  });

  it('lets a client and a server on 127.0.0.1 trust each other, and no stranger', async () => {
    const serverSide = issue(authority, { commonName: 'server', usage: 'server' });
    const server = createServer({
      cert: serverSide.certificate,
      key: serverSide.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    server.on('secureConnection', (socket) => socket.end('hello'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const greeting = async (from: typeof authority) => {
      const own = issue(from, { commonName: 'client', usage: 'client' });
      const socket = connect({ host: '127.0.0.1', port, ca: authority.certificate, cert: own.certificate, key: own.key });
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    };
    try {
      expect(await greeting(authority)).toBe('hello');
      expect(await greeting(newAuthority('test authority')).catch(() => 'refused')).not.toBe('hello');
    } finally {
      server.close();
    }
  });
});

describe('DER', () => {
  it.each([
    ['zero', integer(Buffer.of(0)), '020100'],
    ['an integer whose first bit is set', integer(Buffer.of(0x80)), '02020080'],
    ['an integer with leading zeros', integer(Buffer.of(0, 0, 1)), '020101'],
    ['an object identifier with long numbers', objectIdentifier('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
  ])('encodes %s', (_what, encoded, hex) => {
    expect(encoded.toString('hex')).toBe(hex);
  });

  it.each([
    [127, '047f'],
    [128, '048180'],
    [256, '04820100'],
  ])('encodes a length of %d', (length, hex) => {
    expect(octetString(Buffer.alloc(length)).toString('hex').startsWith(hex)).toBe(true);
  });
});
