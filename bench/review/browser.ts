/**
 * Scrolling the longest thread in Chromium with the wheel, fast: times between frames (requestAnimationFrame), tasks of more
 * than 50 ms (Long Tasks API), and how much is in the document. Headless, so painting is done by the processor.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { chromium, type Page } from 'playwright-core';
import { projectRoot } from '../../src/util/dist.ts';
import { ensureBrowser } from '../../src/whatsapp/browser.ts';
import { percentiles, type Served } from './server.ts';

const scrollMs = 15_000;
const wheelPx = 300;

interface Recorded {
  frames: number[];
  longTasks: number[];
  /** messages that came into the document while it scrolled */
  came: number;
  inDocument: number;
}

const start = `(() => {
  const recorded = { frames: [], longTasks: [], came: 0, inDocument: 0 };
  let last = performance.now();
  let isOn = true;
  const frame = (now) => {
    recorded.frames.push(now - last);
    last = now;
    if (isOn) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const tasks = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) recorded.longTasks.push(duration);
  });
  tasks.observe({ type: 'longtask' });
  const box = document.querySelector('#thread');
  const news = new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) if (node.classList?.contains('message')) recorded.came++;
    recorded.inDocument = Math.max(recorded.inDocument, box.childElementCount);
  });
  news.observe(box, { childList: true });
  window.stopRecording = () => {
    isOn = false;
    tasks.disconnect();
    news.disconnect();
    return recorded;
  };
})()`;

export async function measureBrowser(served: Served): Promise<object> {
  const executablePath = await ensureBrowser({
    chromePath: process.env['CHROME_PATH'],
    cacheDir: join(projectRoot, 'node_modules', '.cache', 'browser'),
    allowApt: false,
    say: (line) => console.error(line),
  });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--no-proxy-server'] });
  try {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await page.goto(served.link());
    await page.waitForSelector('#chats li');
    const opened = await open(page, served);
    const up = await scroll(page, -wheelPx);
    await open(page, served);
    const down = await scroll(page, wheelPx);
    return { chromium: browser.version(), messages: served.chatMessages, openMs: opened, up, down };
  } finally {
    await browser.close();
  }
}

/** In the middle. @returns ms until its messages are there */
async function open(page: Page, { origin, chatId, middle }: Served): Promise<number> {
  const from = performance.now();
  await page.goto(`${origin}/chat/${chatId}?at=${middle}`);
  await page.waitForSelector('.message:focus');
  return Math.round(performance.now() - from);
}

async function scroll(page: Page, by: number): Promise<object> {
  await page.mouse.move(640, 400);
  await page.evaluate(start);
  const untilMs = performance.now() + scrollMs;
  let wheels = 0;
  for (; performance.now() < untilMs; wheels++) await page.mouse.wheel(0, by);
  const { frames, longTasks, came, inDocument } = await page.evaluate<Recorded>('window.stopRecording()');
  const over = (ms: number): number => frames.filter((frame) => frame > ms).length;
  return {
    seconds: scrollMs / 1000,
    wheels,
    wheelPx: Math.abs(by),
    messagesThatCame: came,
    mostInDocument: inDocument,
    frames: frames.length,
    frameMs: percentiles(frames),
    framesOver33Ms: over(33.4),
    framesOver50Ms: over(50),
    longTasks: longTasks.length,
    longestTaskMs: longTasks.length === 0 ? 0 : Math.round(Math.max(...longTasks)),
  };
}
