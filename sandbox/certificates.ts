import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { bitString, boolean, integer, objectIdentifier, octetString, sequence, set, tagged, utcTime, utf8String } from './der.ts';

/** A certificate and its private key, both PEM. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority is a credential that may sign others. */
export interface Authority extends Credential {
  readonly name: string;
}

export interface Identity {
  readonly commonName: string;
  /** Kubernetes reads it as the user's group. */
  readonly organization?: string;
  readonly usage: 'client' | 'server' | 'both';
  /** Of a server: IPv4 addresses and DNS names besides 127.0.0.1 and localhost. */
  readonly alsoKnownAs?: { readonly addresses: readonly string[]; readonly names: readonly string[] };
}

/** A sandbox is kept for as long as somebody likes; its keys never leave the machine. */
const VALID_YEARS = 10;
const ECDSA_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const SERVER_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.1');
const CLIENT_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.2');

/** A new key pair on P-256: the private key as PKCS#8, the public one as SPKI, both PEM. */
export function newKeyPair(): { readonly privateKey: string; readonly publicKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

/** A new certificate authority that may sign leaf certificates and no further authority. */
export function newAuthority(name: string): Authority {
  const keys = newKeyPair();
  const publicKey = createPublicKey(keys.publicKey);
  const extensions = [
    extension('2.5.29.19', true, sequence(boolean(true), integer(Buffer.of(0)))),
    // digitalSignature, keyCertSign, cRLSign
    extension('2.5.29.15', true, bitString(Buffer.of(0b1000_0110), 1)),
    extension('2.5.29.14', false, octetString(keyId(publicKey))),
  ];
  const subject = distinguishedName({ commonName: name });
  const certificate = signed({ issuer: subject, subject, publicKey, extensions }, createPrivateKey(keys.privateKey));
  return { name, certificate, key: keys.privateKey };
}

/** A certificate for one process: a client's identity, a server's for 127.0.0.1, or both. */
export function issue(authority: Authority, identity: Identity): Credential {
  const keys = newKeyPair();
  const publicKey = createPublicKey(keys.publicKey);
  const purposes = { client: [CLIENT_AUTH], server: [SERVER_AUTH], both: [SERVER_AUTH, CLIENT_AUTH] }[identity.usage];
  const extensions = [
    extension('2.5.29.19', true, sequence()),
    // digitalSignature
    extension('2.5.29.15', true, bitString(Buffer.of(0b1000_0000), 7)),
    extension('2.5.29.37', false, sequence(...purposes)),
    extension('2.5.29.35', false, sequence(tagged(0, 'primitive', keyId(createPublicKey(authority.certificate))))),
    ...(identity.usage === 'client' ? [] : [extension('2.5.29.17', false, serverNames(identity))]),
  ];
  const names = { issuer: distinguishedName({ commonName: authority.name }), subject: distinguishedName(identity) };
  return { certificate: signed({ ...names, publicKey, extensions }, createPrivateKey(authority.key)), key: keys.privateKey };
}

interface CertificateContent {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280, 4.1: the content, the algorithm and the signature over the content. */
function signed(content: CertificateContent, authorityKey: KeyObject): string {
  const now = new Date();
  // A day of leeway for clocks that were set back.
  const notBefore = new Date(now.getTime() - 86_400_000);
  const notAfter = new Date(now.getTime() + VALID_YEARS * 365 * 86_400_000);
  const body = sequence(
    tagged(0, 'constructed', integer(Buffer.of(2))),
    integer(randomBytes(16)),
    ECDSA_SHA256,
    content.issuer,
    sequence(utcTime(notBefore), utcTime(notAfter)),
    content.subject,
    content.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, 'constructed', sequence(...content.extensions)),
  );
  const certificate = sequence(body, ECDSA_SHA256, bitString(sign('sha256', body, authorityKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(identity: Pick<Identity, 'commonName' | 'organization'>): Buffer {
  const attribute = (type: string, value: string) => set(sequence(objectIdentifier(type), utf8String(value)));
  const organization = identity.organization === undefined ? [] : [attribute('2.5.4.10', identity.organization)];
  return sequence(...organization, attribute('2.5.4.3', identity.commonName));
}

function extension(type: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(type), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** The names that a sandbox's server is reached by. */
function serverNames({ alsoKnownAs }: Identity): Buffer {
  const names = ['localhost', ...(alsoKnownAs?.names ?? [])].map((name) => tagged(2, 'primitive', Buffer.from(name, 'ascii')));
  const addresses = ['127.0.0.1', ...(alsoKnownAs?.addresses ?? [])].map((address) =>
    tagged(7, 'primitive', Buffer.from(address.split('.').map(Number))),
  );
  return sequence(...names, ...addresses);
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}
