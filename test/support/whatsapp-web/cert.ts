/**
 * Self-signed certificate for one host, made with node:crypto only (X.509 v3 in DER by hand), so that no key lies in the
 * repository and no openssl is needed. Chromium is told to trust exactly this key by its SPKI pin.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface Certificate {
  /** PEM */
  cert: string;
  /** PEM, PKCS #8 */
  key: string;
  /** base64 SHA-256 of the public key, for `--ignore-certificate-errors-spki-list` */
  spkiPin: string;
}

export function makeCertificate(host: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const commonName = sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from('local stand-in')));
  const name = sequence(tlv(0x31, commonName));
  const dayMs = 24 * 3600 * 1000;
  const altName = sequence(oid('2.5.29.17'), tlv(0x04, sequence(tlv(0x82, Buffer.from(host)))));
  const toBeSigned = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))), // version 3
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])), // serial number
    algorithm,
    name,
    sequence(utcTime(Date.now() - dayMs), utcTime(Date.now() + 30 * dayMs)),
    name,
    spki,
    tlv(0xa3, sequence(altName)),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const der = sequence(toBeSigned, algorithm, tlv(0x03, Buffer.from([0]), signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    spkiPin: createHash('sha256').update(spki).digest('base64'),
  };
}

/** DER: tag, length, value. */
function tlv(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const n = body.length;
  const length = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, ...parts);
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (let n of rest) {
    const digits = [n & 127]; // base 128, high bit on all but the last
    while ((n = Math.floor(n / 128)) > 0) digits.unshift((n & 127) | 128);
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tlv(0x17, Buffer.from(`${digits}Z`));
}
