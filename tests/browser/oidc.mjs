// Somebody signs in and approves, in a real browser, on a phone's screen: oidc.mjs LINK FOLDER-FOR-SCREENSHOTS
import assert from 'node:assert/strict';
import { openBrowser, openPage } from './browser.mjs';

const [link, folder] = process.argv.slice(2);
const { browser, close } = await openBrowser();
try {
  const problems = [];
  const page = await openPage(browser, problems, (line) => line.location().url?.endsWith('/favicon.ico'));
  await page.setViewport({ width: 390, height: 844 });
  await page.setJavaScriptEnabled(false);
  await page.goto(link);
  await page.type('input[name=login]', 'amy');
  await Promise.all([page.waitForNavigation(), page.click('button')]);
  assert.match(await page.title(), /^Approve request #\d+\?$/);
  const styled = await page.$eval('button', (button) => getComputedStyle(button).backgroundColor);
  assert.equal(styled, 'rgb(26, 107, 60)', 'the style is let in by the policy');
  const cut = await page.evaluate(() => [...document.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1).length);
  assert.equal(cut, 0, 'something is wider than the phone');
  await page.screenshot({ path: `${folder}/step-up.png`, fullPage: true });
  await Promise.all([page.waitForNavigation(), page.click('button[type=submit]')]);
  assert.equal(await page.title(), 'Your approval is recorded');
  await page.screenshot({ path: `${folder}/step-up-recorded.png` });
  assert.deepEqual(problems, []);
} finally {
  await close();
}
