/**
 * The safetensors file format (https://github.com/huggingface/safetensors): 8 bytes header length (u64, little endian),
 * a JSON header of names, dtypes, shapes and byte ranges, then the numbers, row-major, without gaps.
 * In: weights by name. Out: bytes, and back. The same weights always give the same bytes.
 * Not covered: other dtypes than F32, F16 and BF16; big-endian machines.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import type { HostTensor, Weights } from '../types.ts';
import { check } from '../util/errors.ts';
import { CheckpointError } from './error.ts';
import { decodeBfloat16, decodeHalf, encodeBfloat16, encodeHalf } from './float16.ts';

const dtypes = ['f32', 'f16', 'bf16'] as const;
export type WeightDtype = (typeof dtypes)[number];

/** The reference implementation's bound; a longer header is an attack or damage. */
const maxHeaderBytes = 100_000_000;
const bytesPerNumber: Record<WeightDtype, number> = { f32: 4, f16: 2, bf16: 2 };

/**
 * @param weights any number of tensors; names are written in code-unit order
 * @param metadata free strings for the header (`__metadata__`); transformers asks for `format: 'pt'`
 */
export function writeSafetensors(
  weights: Weights,
  options: { dtype: WeightDtype; metadata?: Readonly<Record<string, string>> },
): Uint8Array {
  check(endianness() === 'LE', 'safetensors needs a little-endian machine');
  const names = [...weights.keys()].sort();
  const header: Record<string, unknown> = options.metadata ? { __metadata__: options.metadata } : {};
  let end = 0;
  for (const name of names) {
    const { shape, data } = weights.get(name) as HostTensor;
    check(data.length === product(shape), `${name}: shape ${shape.join('x')} but ${data.length} numbers`);
    const begin = end;
    end += data.length * bytesPerNumber[options.dtype];
    header[name] = { dtype: options.dtype.toUpperCase(), shape, data_offsets: [begin, end] };
  }
  const unpadded = Buffer.from(JSON.stringify(header));
  const headerBytes = Math.ceil(unpadded.length / 8) * 8; // spaces at the end keep the numbers aligned
  const file = new Uint8Array(8 + headerBytes + end).fill(0x20, 8, 8 + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(unpadded, 8);
  let offset = 8 + headerBytes;
  for (const name of names) {
    const bytes = encodeNumbers((weights.get(name) as HostTensor).data, options.dtype);
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

/**
 * @param file path for error messages
 * @throws CheckpointError for any header, range or size that does not add up. NaN and infinity pass: load.ts judges them.
 */
export function readSafetensors(bytes: Uint8Array, file = 'model.safetensors'): Weights {
  check(endianness() === 'LE', 'safetensors needs a little-endian machine');
  const { entries, dataStart } = readHeader(bytes, file);
  checkLayout(entries, bytes.length - dataStart, file);
  const numbers = ({ begin, endOffset, dtype }: Entry): Float32Array =>
    decodeNumbers(bytes.subarray(dataStart + begin, dataStart + endOffset), dtype);
  return new Map(entries.map((entry) => [entry.name, { shape: entry.shape, data: numbers(entry) }]));
}

/**
 * The same from disk, tensor by tensor, so that a file of many GB needs no buffer of its size.
 * @param wanted names to read; the others are checked but skipped
 */
export function readSafetensorsFile(file: string, wanted: (name: string) => boolean = () => true): Weights {
  check(endianness() === 'LE', 'safetensors needs a little-endian machine');
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const start = readAt(fd, 0, Math.min(8, size));
    const headerBytes = start.length < 8 ? 0 : Math.min(Number(start.readBigUInt64LE()), maxHeaderBytes, size - 8);
    const { entries, dataStart } = readHeader(readAt(fd, 0, start.length + headerBytes), file);
    checkLayout(entries, size - dataStart, file);
    const weights: Weights = new Map();
    for (const { name, shape, dtype, begin, endOffset } of entries) {
      if (!wanted(name)) continue;
      weights.set(name, { shape, data: decodeNumbers(readAt(fd, dataStart + begin, endOffset - begin), dtype) });
    }
    return weights;
  } finally {
    closeSync(fd);
  }
}

/** Exactly so many bytes from this position on. */
function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length;) {
    const n = readSync(fd, bytes, done, Math.min(length - done, 1 << 30), position + done);
    check(n > 0, `the file ended at ${position + done} while it was read`);
    done += n;
  }
  return bytes;
}

/** Tensors must fill the data from its first byte to its last, without gap or overlap. */
function checkLayout(entries: readonly Entry[], dataBytes: number, file: string): void {
  let end = 0;
  for (const { name, dtype, shape, begin, endOffset } of entries) {
    const expected = product(shape) * bytesPerNumber[dtype];
    if (begin !== end || endOffset - begin !== expected) {
      throw new CheckpointError(
        file,
        `tensor ${name} lies at ${begin}..${endOffset}, expected ${end}..${end + expected}`,
      );
    }
    end = endOffset;
    if (end > dataBytes) throw new CheckpointError(file, `tensor ${name} ends beyond the file`);
  }
  if (end !== dataBytes) throw new CheckpointError(file, `${dataBytes - end} bytes after the last tensor`);
}

interface Entry {
  name: string;
  dtype: WeightDtype;
  shape: number[];
  begin: number;
  endOffset: number;
}

/** Parse and check the header; entries come back in the order of their data. */
function readHeader(bytes: Uint8Array, file: string): { entries: Entry[]; dataStart: number } {
  if (bytes.length < 8) throw new CheckpointError(file, `${bytes.length} bytes, too short for a header`);
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (headerBytes > maxHeaderBytes) throw new CheckpointError(file, `header length ${headerBytes} is out of bounds`);
  const dataStart = 8 + Number(headerBytes);
  if (dataStart > bytes.length) throw new CheckpointError(file, `header of ${headerBytes} bytes in ${bytes.length}`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, dataStart)));
  } catch (cause) {
    throw new CheckpointError(file, 'header is not JSON', { cause });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new CheckpointError(file, 'header is not a JSON object');
  }
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    entries.push(readEntry(name, value, file));
  }
  entries.sort((a, b) => a.begin - b.begin || a.endOffset - b.endOffset);
  return { entries, dataStart };
}

function readEntry(name: string, value: unknown, file: string): Entry {
  if (typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value && 'data_offsets' in value) {
    const { dtype, shape, data_offsets: range } = value;
    const known = dtypes.find((candidate) => candidate.toUpperCase() === dtype);
    if (known === undefined) throw new CheckpointError(file, `tensor ${name} has a dtype that is not F32, F16 or BF16`);
    if (isSizes(shape) && isSizes(range) && range.length === 2) {
      return { name, dtype: known, shape, begin: range[0]!, endOffset: range[1]! };
    }
  }
  throw new CheckpointError(file, `tensor ${name} has a malformed header entry`);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function encodeNumbers(data: Float32Array, dtype: WeightDtype): Uint8Array {
  if (dtype === 'f32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array((dtype === 'f16' ? encodeHalf : encodeBfloat16)(data).buffer);
}

/** Copies: the file's numbers need not be aligned to their own size. */
function decodeNumbers(bytes: Uint8Array, dtype: WeightDtype): Float32Array {
  const aligned = new Uint8Array(bytes).buffer;
  if (dtype === 'f32') return new Float32Array(aligned);
  return (dtype === 'f16' ? decodeHalf : decodeBfloat16)(new Uint16Array(aligned));
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
