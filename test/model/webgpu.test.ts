/** What decides whether WebGPU is used, without a GPU: adapters told apart, drivers found, buffers bounded. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { boundFreeBuffers, deviceName, gpuFailure, isSoftware, type BufferPool } from '../../src/model/webgpu.ts';
import { UserError } from '../../src/util/errors.ts';
import { driverManifests, loadForGood } from '../../src/model/webgpu-vulkan.ts';

describe('adapters', () => {
  const swiftShader = {
    vendor: 'google',
    architecture: 'swiftshader',
    device: '',
    description: 'SwiftShader driver 5.0.0',
  };
  const llvmpipe = {
    vendor: 'mesa',
    architecture: '',
    device: 'llvmpipe (LLVM 15.0.6, 256 bits)',
    description: 'llvmpipe',
  };
  const nvidia = { vendor: 'nvidia', architecture: 'hopper', device: '0x2330', description: 'NVIDIA H100 80GB HBM3' };
  const unknown = { vendor: '', architecture: '', device: '', description: '' };

  test.each([
    { info: swiftShader, software: true },
    { info: llvmpipe, software: true },
    { info: { ...unknown, description: 'Microsoft Basic Render Driver' }, software: true },
    { info: { ...unknown, isFallbackAdapter: true }, software: true },
    { info: nvidia, software: false },
    { info: { ...nvidia, isFallbackAdapter: false }, software: false },
    { info: { ...unknown, description: 'Time Warped GPU' }, software: false },
  ])('$info.description: software $software', ({ info, software }) => {
    expect(isSoftware(info)).toBe(software);
  });

  test('are named by their description, or by vendor and device, with the architecture where it says more', () => {
    expect(deviceName(nvidia)).toBe('NVIDIA H100 80GB HBM3 (hopper)');
    expect(deviceName(swiftShader)).toBe('SwiftShader driver 5.0.0');
    expect(deviceName({ ...nvidia, description: ' ' })).toBe('nvidia 0x2330 (hopper)');
    expect(deviceName(unknown)).toBe('unnamed GPU');
  });
});

describe.skipIf(process.platform === 'win32')('Vulkan drivers', () => {
  const root = mkdtempSync(join(tmpdir(), 'vulkan-'));
  const manifest = (...path: string[]): string => {
    const file = join(root, ...path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, '{}');
    return file;
  };
  const inData = manifest('data', 'vulkan', 'icd.d', 'a.json');
  const inConfig = manifest('config', 'vulkan', 'icd.d', 'b.json');
  const inHome = manifest('home', '.local', 'share', 'vulkan', 'icd.d', 'c.json');
  const other = manifest('other', 'd.json');
  manifest('other', 'no-manifest.txt');
  const none = join(root, 'none');
  const env = { HOME: none, XDG_DATA_DIRS: join(root, 'data'), XDG_CONFIG_DIRS: join(root, 'config') };
  afterAll(() => rmSync(root, { recursive: true }));

  /** Those of the folders above: the machine's own /etc may hold more. */
  const found = (env: Record<string, string>): string[] => driverManifests(env).filter((path) => path.startsWith(root));

  test('are looked for in the folders of the system and of the user', () => {
    expect(found(env)).toEqual([inConfig, inData]);
    expect(found({ ...env, HOME: join(root, 'home') })).toEqual([inConfig, inHome, inData]);
    expect(found({ ...env, XDG_DATA_DIRS: none, XDG_CONFIG_DIRS: none })).toEqual([]);
  });

  test('are only those that VK_DRIVER_FILES or its older name list, where set', () => {
    expect(driverManifests({ ...env, VK_DRIVER_FILES: `${other}:${none}.json` })).toEqual([other]);
    expect(driverManifests({ ...env, VK_ICD_FILENAMES: join(root, 'other') })).toEqual([other]);
    expect(driverManifests({ ...env, VK_DRIVER_FILES: `${none}.json` })).toEqual([]);
    expect(found({ ...env, VK_ADD_DRIVER_FILES: other })).toEqual([other, inConfig, inData]);
  });

  test('a library that is not there is not loaded', () => {
    expect(loadForGood([join(none, 'libvulkan.so.1')])).toBe(false);
    expect(loadForGood([])).toBe(false);
  });
});

test('too little memory is something the user can change, any other failure is a fault', () => {
  class GPUOutOfMemoryError {
    message = 'buffer of 9 GB';
  }
  const tooMuch = gpuFailure(new GPUOutOfMemoryError());
  expect(tooMuch).toBeInstanceOf(UserError);
  expect(tooMuch.message).toBe('The GPU has too little memory for this model.');
  const fault = gpuFailure({ message: 'no such binding' });
  expect(fault).not.toBeInstanceOf(UserError);
  expect(fault.message).toBe('webgpu: no such binding');
});

test('freed buffers are kept for reuse until they are many more than were ever used at once', () => {
  const destroyed: number[] = [];
  const pool: BufferPool = {
    freeBuffers: new Map([['a', []]]),
    numFreeBuffers: 0,
    numBytesUsed: 0,
    numBytesAllocated: 0,
    releaseBuffer(buffer) {
      this.numBytesUsed -= buffer.size;
      this.numFreeBuffers += 1;
      this.freeBuffers.get('a')!.push(buffer);
    },
  };
  boundFreeBuffers(pool);
  const useAndFree = (size: number): void => {
    pool.numBytesUsed += size;
    pool.numBytesAllocated += size; // a size that never came before
    pool.releaseBuffer({ size, destroy: () => destroyed.push(size) }, true);
  };
  const mega = 2 ** 20;
  for (let i = 1; i <= 10; i++) useAndFree(10 * mega + i);
  expect(destroyed.length).toBe(8); // up to 1.5 times 10 MiB and 64 more: the eighth is too many
  expect(pool.numFreeBuffers).toBe(2);
  expect(pool.freeBuffers.get('a')).toHaveLength(2);
  expect(pool.numBytesAllocated).toBe(20 * mega + 9 + 10);
});
