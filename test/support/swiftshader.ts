/**
 * WebGPU without a GPU: Chrome and Chromium bring SwiftShader, a Vulkan driver that runs on the CPU, and Vulkan's loader.
 * Tests of backend `webgpu` run on it, wherever the machine has a real GPU too.
 */
import { existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../src/util/dist.ts';
import { findBrowser } from '../../src/whatsapp/browser.ts';
import { loadForGood } from '../../src/model/webgpu-vulkan.ts';

const driver = 'vk_swiftshader_icd.json';
const loader = 'libvulkan.so.1';

/** The folder that holds driver and loader, or undefined where no browser has brought them (Linux only). */
export async function swiftShaderFolder(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined;
  const browser = await findBrowser({
    chromePath: process.env['CHROME_PATH'],
    cacheDir: join(projectRoot, 'node_modules', '.cache', 'browser'),
  });
  const folders = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
  if (browser !== undefined) folders.unshift(dirname(realpathSync(browser)));
  return folders.find((folder) => existsSync(join(folder, driver)) && existsSync(join(folder, loader)));
}

/**
 * Makes this process's WebGPU run on SwiftShader. Call before the backend starts, in a main thread (worker threads have
 * their environment for themselves, and Vulkan reads the process's).
 * @returns '' or the reason why not
 */
export async function useSwiftShader(): Promise<string> {
  const folder = await swiftShaderFolder();
  if (folder === undefined) return 'no SwiftShader here';
  process.env['VK_DRIVER_FILES'] = join(folder, driver);
  if (!loadForGood([join(folder, loader)])) return `${loader} of the browser does not load`;
  return '';
}

/** Environment of a child process whose WebGPU runs on SwiftShader; `dispose` removes the folder that it names. */
export function swiftShaderEnv(folder: string): { env: Record<string, string>; dispose: () => void } {
  const links = mkdtempSync(join(tmpdir(), 'vulkan-')); // the loader alone: a browser's folder has more libraries
  symlinkSync(join(folder, loader), join(links, loader));
  return {
    env: { VK_DRIVER_FILES: join(folder, driver), LD_LIBRARY_PATH: links },
    dispose: () => rmSync(links, { recursive: true }),
  };
}
