// A reviewer's way through the workspace page, in one real browser:
//   page.mjs URL chromium|firefox [FOLDER-FOR-SCREENSHOTS]
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startBot } from './bot.mjs';
import { openBrowser, openPage } from './browser.mjs';

const [url, name, shots] = process.argv.slice(2);
const { browser, close } = await openBrowser(name);
let passed = 0;
let page;
const shot = async (title) => { if (shots) { mkdirSync(shots, { recursive: true }); await page.screenshot({ path: join(shots, `${name}-${title}.png`) }); } };
const step = async (title, body) => {
  try {
    await body();
  } catch (error) {
    await shot('failure');
    throw new Error(`${name}: ${title}: ${error.message}`, { cause: error });
  }
  ++passed;
  console.log(`ok - ${name}: ${title}`);
};
const text = (selector) => page.$eval(selector, (node) => node.textContent);
const has = (selector, words) => page.waitForFunction((s, w) => [...document.querySelectorAll(s)].some((node) => node.textContent.includes(w)), { timeout: 45000 }, selector, words);
const actAs = async (id) => { await page.$eval(`input[name=me][value=${id}]`, (node) => node.click()); await page.waitForFunction((who) => document.querySelector('input[name=me]:checked')?.value === who, {}, id); };
const press = (ts, action) => page.$eval(`[data-ts="${ts}"] [data-action="${action}"]`, (node) => node.click());

const bot = await startBot(url);
const problems = [];
try {
  page = await openPage(browser, problems);
  await page.setViewport({ width: 1280, height: 860 });
  await page.goto(`${url}/#C0APPROVALS`, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('input[name=me]');

  let card;
  await step('a card appears by itself, hostile text inert', async () => {
    card = await bot.postCard();
    await has('.b-header', 'Approval needed: db.export');
    const quote = await text(`[data-ts="${card.ts}"] blockquote`);
    assert.ok(quote.includes('<script>alert(1)</script> *not bold* <!channel>'), quote);
    assert.equal(await page.$(`[data-ts="${card.ts}"] blockquote a`), null);
    assert.equal(await page.$(`[data-ts="${card.ts}"] script`), null);
    // A line break inside a styled text is one on the page too.
    const tops = await page.$$eval(`[data-ts="${card.ts}"] .b-rich .rich strong`, (nodes) => nodes.map((node) => node.getBoundingClientRect().bottom));
    assert.ok(tops[1] > tops[0] + 5, `${tops}`);
    await shot('card');
  });
  await step('amy approves: the card changes, and only she is told', async () => {
    await actAs('U0AMY');
    await press(card.ts, 'approve');
    await has(`[data-ts="${card.ts}"]`, 'Approved by @amy');
    await has('.message.private', 'Your approval is recorded.');
    await shot('approved');
    await actAs('U0BEN');
    await page.waitForFunction(() => !document.querySelector('.message.private'), { timeout: 45000 });
  });
  let second;
  await step('ben denies in a dialog that insists on a reason', async () => {
    second = await bot.postCard();
    await page.waitForSelector(`[data-ts="${second.ts}"]`);
    await press(second.ts, 'deny');
    await page.waitForSelector('dialog#modal[open] textarea');
    await page.$eval('#modal-submit', (node) => node.click());
    await has('#modal .error', 'required');
    await page.type('#modal textarea', 'xxx no');
    await page.$eval('#modal-submit', (node) => node.click());
    await has('#modal .error', 'Please say why, in words');
    assert.equal(await page.$eval('#modal textarea', (node) => node.value), 'xxx no');
    await shot('dialog');
    // As a person would: what the page redraws meanwhile starts from what was last put in.
    await page.$eval('#modal textarea', (node) => { node.value = ''; node.dispatchEvent(new Event('input', { bubbles: true })); });
    await page.type('#modal textarea', 'The change window is closed until Monday');
    await page.$eval('#modal-submit', (node) => node.click());
    await page.waitForFunction(() => !document.querySelector('#modal').open, { timeout: 45000 });
    await has(`[data-ts="${second.ts}"]`, 'Denied by @ben');
  });
  await step('what is typed into a dialog stays, whatever the page learns meanwhile', async () => {
    // An answer about dialogs that was on its way before this one was opened.
    await page.evaluate(() => {
      const real = window.fetch;
      const held = [];
      window.fetch = async (path, ...more) => {
        const answer = await real(path, ...more);
        if (String(path).startsWith('/control/views') && held.length === 0) await new Promise((go) => held.push(go));
        return answer;
      };
      window.letGo = () => { window.fetch = real; held[0](); };
    });
    await page.$eval('input[name=me]:checked', (node) => node.dispatchEvent(new Event('change', { bubbles: true })));
    const one = await bot.postCard();
    await page.waitForSelector(`[data-ts="${one.ts}"]`);
    await press(one.ts, 'deny');
    await page.waitForSelector('dialog#modal[open] textarea');
    await page.type('#modal textarea', 'window is closed');
    await page.evaluate(() => window.letGo());
    await new Promise((done) => setTimeout(done, 300));
    assert.equal(await page.$eval('#modal', (node) => node.open), true);
    assert.equal(await page.$eval('#modal textarea', (node) => node.value), 'window is closed');
    // The page looks again, while somebody types at the beginning.
    await page.$eval('#modal textarea', (node) => { node.focus(); node.setSelectionRange(0, 0); });
    await page.keyboard.type('The ');
    await page.$eval('input[name=me]:checked', (node) => node.dispatchEvent(new Event('change', { bubbles: true })));
    await new Promise((done) => setTimeout(done, 300));
    await page.keyboard.type('change ');
    assert.equal(await page.$eval('#modal textarea', (node) => node.value), 'The change window is closed');
    await page.$eval('#modal-submit', (node) => node.click());
    await page.waitForFunction(() => !document.querySelector('#modal').open, { timeout: 45000 });
    await has(`[data-ts="${one.ts}"]`, 'Denied by @ben');
  });
  await step('the reason stands in the thread', async () => {
    await has(`[data-ts="${second.ts}"] .replies`, '1 reply');
    await page.$eval(`[data-ts="${second.ts}"] .replies`, (node) => node.click());
    await has('#thread-messages', 'The change window is closed until Monday');
    await shot('thread');
    await page.$eval('#thread-close', (node) => node.click());
  });
  await step('a refusal is private', async () => {
    const third = await bot.postCard();
    await page.waitForSelector(`[data-ts="${third.ts}"]`);
    await actAs('U0DAN');
    await press(third.ts, 'hold');
    await has('.message.private', 'You cannot hold this request');
  });
  await step('a slash command is answered', async () => {
    await page.type('#composer-text', '/approvals list');
    await page.keyboard.press('Enter');
    await has('.message.private', '2 requests wait for you');
    await shot('command');
  });
  await step('a click that nobody acknowledges gets a warning sign', async () => {
    const last = await bot.postCard();
    await page.waitForSelector(`[data-ts="${last.ts}"]`);
    await press(last.ts, 'ignored');
    await has(`[data-ts="${last.ts}"] .warning`, 'did not answer in time');
    await shot('warning');
  });
  await step('the keyboard alone reaches and presses Approve', async () => {
    const one = await bot.postCard();
    await page.waitForSelector(`[data-ts="${one.ts}"]`);
    await page.focus(`[data-ts="${one.ts}"] [data-action=approve]`);
    await page.keyboard.press('Enter');
    await has(`[data-ts="${one.ts}"]`, 'Approved by @dan');
  });
  if (name === 'chromium') {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    await bot.postCard();
    await new Promise((done) => setTimeout(done, 400));
    await shot('dark');
  }
  await step('a phone shows the page without scrolling sideways', async () => {
    await page.setViewport({ width: 390, height: 800 });
    await new Promise((done) => setTimeout(done, 200));
    await shot('narrow');
    const width = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth));
    assert.ok(width <= 390, `${width} px`);
    await page.setViewport({ width: 390, height: 260 });
    const small = await bot.postCard();
    await page.waitForSelector(`[data-ts="${small.ts}"]`);
    await press(small.ts, 'deny');
    await page.waitForSelector('dialog#modal[open] textarea');
    assert.equal(await page.$eval('#modal .dialog-body', (node) => node.scrollTop), 0, 'a dialog opens at its top');
    // A view stays open on the workspace's side, for the next browser as well.
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('dialog#modal').open);
  });
  await step('no script error and nothing blocked', async () => { assert.deepEqual(problems, []); });
  console.log(`${name}: ${passed} steps passed`);
} finally {
  bot.stop();
  await close();
}
process.exit(0);
