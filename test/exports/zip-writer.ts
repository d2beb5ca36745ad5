/** Writes zip archives byte by byte (PKWARE APPNOTE 6.3.9), also ones that no honest program writes. */
import { deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  name: string;
  data: Buffer | string;
  /** deflate instead of store */
  packed?: boolean;
  /** upper 16 bits of the external attributes: unix mode */
  unixMode?: number;
  /** what the headers claim, where it differs from the truth */
  claimedSize?: number;
  claimedCrc?: number;
  /** the directory says that the entry lies here, and nothing is written for it */
  claimedOffset?: number;
  encrypted?: boolean;
}

export function writeZip(entries: readonly ZipEntry[], claimedCount = entries.length): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { local, central } = writeEntry(entry, entry.claimedOffset ?? offset);
    directory.push(central);
    if (entry.claimedOffset !== undefined) continue;
    parts.push(local);
    offset += local.length;
  }
  const directoryBytes = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(claimedCount, 8);
  end.writeUInt16LE(claimedCount, 10);
  end.writeUInt32LE(directoryBytes.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directoryBytes, end]);
}

function writeEntry(entry: ZipEntry, offset: number): { local: Buffer; central: Buffer } {
  const data = Buffer.from(entry.data);
  const stored = entry.packed ? deflateRawSync(data) : data;
  const name = Buffer.from(entry.name);
  // version, flags (bit 0 encrypted, bit 11 UTF-8), method, time, date, crc, sizes, name length, extra length
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(20, 0);
  shared.writeUInt16LE(0x0800 | (entry.encrypted ? 1 : 0), 2);
  shared.writeUInt16LE(entry.packed ? 8 : 0, 4);
  shared.writeUInt32LE(entry.claimedCrc ?? crc32(data), 10);
  shared.writeUInt32LE(stored.length, 14);
  shared.writeUInt32LE(entry.claimedSize ?? data.length, 18);
  shared.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), shared, name, stored]);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(((entry.unixMode ?? 0o100644) << 16) >>> 0, 6);
  rest.writeUInt32LE(offset, 10);
  const madeBy = Buffer.from([20, 3]);
  const central = Buffer.concat([Buffer.from('PK\x01\x02'), madeBy, shared, rest, name]);
  return { local, central };
}

/** Bit by bit, unlike the table in src, so that one checks the other. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
