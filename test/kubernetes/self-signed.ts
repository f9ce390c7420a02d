import { createHash, generateKeyPairSync, sign } from 'node:crypto';

/** One element of DER. */
function der(tag: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const SEQUENCE = 0x30;
const objectId = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const ECDSA_WITH_SHA256 = der(SEQUENCE, objectId('2a8648ce3d040302'));
const name = (text: string) => der(SEQUENCE, der(0x31, der(SEQUENCE, objectId('550403'), der(0x0c, text))));
const extension = (hex: string, value: Buffer) => der(SEQUENCE, objectId(hex), der(0x04, value));

/** A certificate of 127.0.0.1 and `api.test` that is its own authority, and its key; PEM. */
export function selfSigned(): { readonly certificate: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const issuer = name(`test ${createHash('sha256').update(spki).digest('hex').slice(0, 12)}`);
  const alternatives = der(SEQUENCE, der(0x87, Buffer.from([127, 0, 0, 1])), der(0x82, 'api.test'));
  const authority = der(SEQUENCE, der(0x01, Buffer.from([0xff])));
  const body = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ECDSA_WITH_SHA256,
    issuer,
    der(SEQUENCE, der(0x17, '200101000000Z'), der(0x17, '491231235959Z')),
    issuer,
    spki,
    der(0xa3, der(SEQUENCE, extension('551d11', alternatives), extension('551d13', authority))),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const base64 = der(SEQUENCE, body, ECDSA_WITH_SHA256, signature).toString('base64');
  const certificate = `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
