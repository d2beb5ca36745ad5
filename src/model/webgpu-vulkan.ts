/**
 * What WebGPU needs on Linux, looked for before Dawn is: Vulkan's loader, and the manifest of a driver. Where one is missing
 * Dawn prints warnings and says only that there is no GPU.
 */
import { existsSync, readdirSync } from 'node:fs';
import os from 'node:os';
import { delimiter, join } from 'node:path';

/** Where Vulkan's loader may be: the system's, else the copy that a browser brings. */
const loaders = ['libvulkan.so.1', '/usr/lib/chromium/libvulkan.so.1', '/opt/google/chrome/libvulkan.so.1'] as const;

/** Loads Vulkan's loader into this process. @throws Error whose message says what is missing, and where to get it */
export function prepareVulkan(): void {
  if (driverManifests(process.env).length === 0) {
    throw new Error(
      'no Vulkan driver is installed (NVIDIA: part of its driver; AMD and Intel on Debian and Ubuntu: apt-get install mesa-vulkan-drivers)',
    );
  }
  if (!loadForGood(loaders)) {
    throw new Error("Vulkan's loader libvulkan.so.1 is missing (Debian and Ubuntu: apt-get install libvulkan1)");
  }
}

/**
 * The manifests that Vulkan's loader reads (its document "Driver interface"): those that VK_DRIVER_FILES or its older
 * name list, else all of the usual folders and of VK_ADD_DRIVER_FILES. A folder stands for the manifests in it.
 */
export function driverManifests(env: NodeJS.ProcessEnv): string[] {
  const list = (name: string): string[] => (env[name] ?? '').split(delimiter).filter((path) => path !== '');
  const only = [...list('VK_DRIVER_FILES'), ...list('VK_ICD_FILENAMES')];
  const home = env['HOME'] ?? os.homedir();
  const configDirs = [
    env['XDG_CONFIG_HOME'] ?? join(home, '.config'),
    ...orElse(list('XDG_CONFIG_DIRS'), ['/etc/xdg']),
  ];
  const dataDirs = [
    env['XDG_DATA_HOME'] ?? join(home, '.local/share'),
    ...orElse(list('XDG_DATA_DIRS'), ['/usr/local/share', '/usr/share']),
  ];
  const usual = [...configDirs, '/usr/local/etc', '/etc', ...dataDirs].map((dir) => join(dir, 'vulkan', 'icd.d'));
  return orElse(only, [...list('VK_ADD_DRIVER_FILES'), ...usual]).flatMap(manifestsAt);
}

function orElse<T>(first: T[], second: T[]): T[] {
  return first.length > 0 ? first : second;
}

function manifestsAt(path: string): string[] {
  if (path.endsWith('.json')) return existsSync(path) ? [path] : [];
  try {
    return readdirSync(path)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(path, name));
  } catch {
    return []; // no such folder
  }
}

/**
 * Loads the first of these libraries that is there, for good, so that Dawn finds it by its name.
 * A library that is no Node module is loaded by the attempt all the same; the flag keeps it.
 */
export function loadForGood(libraries: readonly string[]): boolean {
  const keepLoaded = 0x1000; // RTLD_NODELETE of Linux, which os.constants does not have
  return libraries.some((path) => {
    try {
      process.dlopen({ exports: {} }, path, os.constants.dlopen.RTLD_NOW | keepLoaded);
      return true;
    } catch (error) {
      return error instanceof Error && error.message.includes('did not self-register');
    }
  });
}
