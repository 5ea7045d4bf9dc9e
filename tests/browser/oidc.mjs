// Somebody signs in and approves, in a real browser, on a phone's screen and a desk's:
//   oidc.mjs LINK FOLDER-FOR-SCREENSHOTS chromium|firefox
import assert from 'node:assert/strict';
import { openBrowser, openPage } from './browser.mjs';

const [link, folder, name] = process.argv.slice(2);
const { browser, close } = await openBrowser(name);
try {
  const problems = [];
  const page = await openPage(browser, problems, (line) => line.location().url?.endsWith('/favicon.ico'));
  const phone = { width: 390, height: 844 };
  const shot = async (title) => {
    for (const screen of [{ width: 1280, height: 900 }, phone]) {
      await page.setViewport(screen);
      await page.screenshot({ path: `${folder}/${name}-${title}-${screen.width}.png`, fullPage: true });
    }
  };
  await page.setViewport(phone);
  if (name === 'chromium') await page.setJavaScriptEnabled(false);  // Firefox's driver cannot
  await page.goto(link);
  await page.type('input[name=login]', 'amy');
  await Promise.all([page.waitForNavigation(), page.click('button')]);
  assert.match(await page.title(), /^Approve request #\d+\?$/);
  const styled = await page.$eval('button', (button) => getComputedStyle(button).backgroundColor);
  assert.equal(styled, 'rgb(26, 107, 60)', 'the style is let in by the policy');
  const cut = await page.evaluate(() => [...document.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1).length);
  assert.equal(cut, 0, 'something is wider than the phone');
  await shot('step-up');
  await Promise.all([page.waitForNavigation(), page.click('button[type=submit]')]);
  assert.equal(await page.title(), 'Your approval is recorded');
  await shot('step-up-recorded');
  assert.deepEqual(problems, []);
} finally {
  await close();
}
