// The workspace's Teams page, drawn by Microsoft's library, with the real server behind it: teams.mjs WORKSPACE_URL
import assert from 'node:assert/strict';
import { openBrowser, openPage, skip } from './browser.mjs';

const [url] = process.argv.slice(2);
const { browser, close } = await openBrowser();
try {
  const problems = [];
  const page = await openPage(browser, problems);
  for (const [width, height] of [[1280, 900], [390, 844]]) {
    await page.setViewport({ width, height });
    await page.goto(`${url}/teams.html`);
    await page.waitForSelector('[data-title="Approve"]');
    const seen = await page.evaluate(() => ({
      library: typeof AdaptiveCards, cut: [...document.querySelectorAll('.ac-card *')].filter((one) => one.getBoundingClientRect().right > innerWidth).length,
    }));
    if (seen.library === 'undefined') skip('the program was built without the library');
    assert.equal(seen.cut, 0, `something is cut at ${width} pixels`);
  }
  await page.click('[data-title="Details"]');
  await page.waitForSelector('#modal[open] .ac-card');
  await page.keyboard.press('Escape');
  await page.click('[data-title="Deny"]');
  const reason = await page.waitForSelector('textarea.ac-textInput');
  await reason.type('not tonight');
  // What was typed outlives a card that is drawn anew because somebody else wrote.
  await page.evaluate(() => fetch('/control/teams/say', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: 'ben', conversation: '19:approvals@thread.tacv2', text: 'help' }) }));
  await page.waitForFunction(() => document.querySelectorAll('.message').length > 1);
  assert.equal(await page.$eval('textarea.ac-textInput', (field) => field.value), 'not tonight');
  await page.evaluate(() => [...document.querySelectorAll('.ac-card button')].filter((one) => one.textContent === 'Deny').at(-1).click());
  await page.waitForFunction(() => /Denied/.test(document.querySelector('.ac-card')?.textContent ?? ''));
  assert.match(await page.$eval('.ac-card', (card) => card.textContent), /not tonight/);
  assert.equal(await page.$('#messages [data-title="Approve"]'), null);
  assert.deepEqual(problems, []);
  console.log('1 passed, 0 failed');
} finally {
  await close();
}
