// The browsers that tests drive. Where one is not installed, its test counts as skipped (exit code 77).
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

const programs = { chromium: '/usr/bin/chromium', firefox: '/usr/bin/firefox-esr' };
// A browser that looks for updates and the like on the side is slower, and reaches out of the machine.
const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const skip = (why) => {
  console.log(`skipped: ${why}`);
  process.exit(77);
};

// Opens a browser with a profile of its own. `close` ends it and takes the profile away.
export const openBrowser = async (name = 'chromium') => {
  const executablePath = programs[name];
  if (!executablePath || !existsSync(executablePath)) skip(`${name} is not installed`);
  const profile = mkdtempSync(join(tmpdir(), 'browser-'));
  const firefox = name === 'firefox';
  const browser = await puppeteer.launch({
    executablePath, browser: firefox ? 'firefox' : 'chrome', protocol: firefox ? 'webDriverBiDi' : 'cdp', userDataDir: profile, headless: true,
    args: firefox ? [] : quiet,
  });
  const close = async () => {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { browser, close };
};

// Opens a page that adds to `problems` what its scripts and its console call errors. `harmless` tells of a line of the
// console whether it is none.
export const openPage = async (browser, problems, harmless = () => false) => {
  const page = await browser.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (line) => { if (line.type() === 'error' && !harmless(line)) problems.push(line.text()); });
  return page;
};
