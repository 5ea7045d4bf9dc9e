// What reviewers do with the real server behind the workspace page: a list of requests that are alike, an approval of
// one's own that others review, and the start of a sign-in:  reviewer.mjs URL chromium|firefox ORDER [FOLDER]
// ORDER is JSON: the numbers and ids of the requests that are there. Pictures go into FOLDER, at two widths each.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, openPage } from './browser.mjs';

const [url, name, order, folder] = process.argv.slice(2);
const { alike, own, signed, mine, large, listed, home } = JSON.parse(order);
const { browser, close } = await openBrowser(name);
const wide = { width: 1280, height: 900 };
const phone = { width: 390, height: 844 };
let page;
const shot = async (title) => {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  for (const screen of [phone, wide]) {
    await page.setViewport(screen);
    await page.screenshot({ path: join(folder, `${name}-${title}-${screen.width}.png`) });
  }
};
const step = async (title, body) => {
  try {
    await body();
  } catch (error) {
    await shot('failure');
    throw new Error(`${name}: ${title}: ${error.message}`, { cause: error });
  }
  console.log(`ok - ${name}: ${title}`);
};
const actAs = async (id) => {
  await page.$eval(`input[name=me][value=${id}]`, (node) => node.click());
  await page.waitForFunction((who) => document.querySelector('input[name=me]:checked')?.value === who, {}, id);
};
const says = (selector, words) => page.waitForFunction((s, w) => [...document.querySelectorAll(s)].some((node) => node.textContent.includes(w)), { timeout: 30000 }, selector, words);
const press = async (id, action) => {
  const button = await page.waitForSelector(`[data-block*="${id}"] [data-action="${action}"]`, { timeout: 30000 });
  await button.evaluate((node) => { node.scrollIntoView({ block: 'center' }); node.click(); });
};
// Of a row of a list.
const choose = async (id, action) => {
  const option = await page.waitForSelector(`[data-action="row"] option[value="${action} ${id}"]`, { timeout: 30000 });
  await option.evaluate((node) => {
    const menu = node.parentElement;
    menu.scrollIntoView({ block: 'center' });
    menu.value = node.value;
    menu.dispatchEvent(new Event('change', { bubbles: true }));
  });
};
const type = async (words) => { await page.waitForSelector('dialog#modal[open] textarea'); await page.type('#modal textarea', words); };
const send = () => page.$eval('#modal-submit', (node) => node.click());
const closed = () => page.waitForFunction(() => !document.querySelector('#modal').open, { timeout: 30000 });
const dismiss = async () => { await page.keyboard.press('Escape'); await closed(); };

const problems = [];
try {
  page = await openPage(browser, problems);
  await page.setViewport(wide);
  await page.goto(`${url}/#C0APPROVALS`, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('input[name=me]');

  await step('what is asked again and again stands on one card', async () => {
    await says('.b-header', `${alike.length} alike: deploy → production`);
    assert.equal((await page.$$('[data-action="approve_together"]')).length, 1);
    await page.$eval('[data-action="approve_together"]', (node) => node.scrollIntoView({ block: 'center' }));
    await shot('alike');
  });
  await step('one of them is denied by its row', async () => {
    await actAs('U0AMY');
    await choose(alike[1].id, 'deny');
    await type('not during the fair');
    await shot('alike-deny');
    await send();
    await closed();
    await says('.b-header', `${alike.length} alike, ${alike.length - 1} open`);
    await says('.replies', 'repl');
  });
  await step('the rest is approved together, once each was put before the voter', async () => {
    await page.$eval('[data-action="approve_together"]', (node) => node.click());
    await page.waitForSelector('dialog#modal[open]');
    for (const one of alike.filter((_, index) => index !== 1)) await says('#modal', `#${one.number}`);
    await says('#modal-submit', `Approve ${alike.length - 1} shown`);
    await shot('alike-approve');
    await send();
    await says('#modal', 'are recorded');
    await dismiss();
    await says('.b-header', `${alike.length} alike, all decided`);
    await page.$$eval('.message', (nodes) => nodes.find((node) => node.textContent.includes('alike, all decided')).querySelector('.replies').click());
    await says('#thread-messages', `#${alike[1].number}`);
    await says('#thread-messages', 'not during the fair');
    await shot('alike-thread');
    await page.$eval('#thread-close', (node) => node.click());
  });
  await step('riley approves what riley asked for, with a reason, and others are to look at it', async () => {
    await actAs('U0RILEY');
    await press(own.id, 'approve');
    await type('nobody else is awake');
    await shot('break-glass');
    await send();
    await closed();
    await says('.message', 'To be reviewed');
    await shot('to-be-reviewed');
  });
  await step('riley cannot review it', async () => {
    await press(own.id, 'review');
    await type('all fine');
    await send();
    await says('#modal[open]:not(:has(textarea)), #modal[open] .error, .message.private', 'behind this request');
    if (await page.$('dialog#modal[open]')) await dismiss();
  });
  await step('amy does, and says what she found', async () => {
    await actAs('U0AMY');
    await press(own.id, 'review');
    await type('called for, the pager log agrees');
    await shot('review');
    await send();
    await closed();
    await says('.message', 'the pager log agrees');
    assert.equal(await page.$(`[data-block*="${own.id}"] [data-action="review"]`), null);
    await shot('reviewed');
  });
  await step('riley is refused what riley asks for', async () => {
    await actAs('U0RILEY');
    await press(mine.id, 'approve');
    await says('#modal[open], .message.private', 'behind this request');
    await shot('refused');
    if (await page.$('dialog#modal[open]')) await dismiss();
  });
  await step('what does not fit is read page by page, and approved at its end alone', async () => {
    await actAs('U0AMY');
    await press(large.id, 'approve');
    await says('#modal', 'Page 1 of');
    await shot('details');
    const turn = async (number) => {
      await page.$eval('#modal [data-action="next_page"]', (node) => node.click());
      await says('#modal', `Page ${number} of`);
    };
    const pages = Number((await page.$eval('#modal', (node) => node.textContent)).match(/Page 1 of (\d+)/)[1]);
    assert.ok(pages > 1, `${pages} pages`);
    for (let number = 2; number <= pages; ++number) {
      assert.equal(await page.$('#modal-submit'), null, 'not before its end');
      await turn(number);
    }
    await says('#modal', 'member99 = ');
    await page.waitForSelector('#modal-submit');
    await shot('details-end');
    await send();
    await closed();
    await says('.message', 'Approved');
  });
  await step('what waits is listed, and denied from there', async () => {
    await page.type('#composer-text', '/approvals list');
    await page.keyboard.press('Enter');
    await says('.message.private', `#${listed.number}`);
    await shot('list');
    const row = await page.waitForSelector(`.message.private [data-block*="${listed.id}"] [data-action="deny"]`);
    await row.evaluate((node) => node.click());
    await type('asked twice');
    await send();
    await closed();
    await says('.message', 'asked twice');
  });
  await step('App Home shows what waits, and is voted on', async () => {
    await page.$eval('#open-home', (node) => node.click());
    await says('#home', `#${home.number}`);
    await shot('home');
    const button = await page.waitForSelector(`#home [data-block*="${home.id}"] [data-action="approve"]`);
    await button.evaluate((node) => node.click());
    await page.waitForSelector('dialog#modal[open] #modal-submit');
    await send();
    await closed();
    await page.waitForFunction((id) => !document.querySelector(`#home [data-block*="${id}"] [data-action="approve"]`), { timeout: 30000 }, home.id);
    await shot('home-after');
    await page.$eval('#channels button', (node) => node.click());
  });
  await step('an approval that takes a sign-in leads to one', async () => {
    await press(signed.id, 'approve');
    const link = await page.waitForSelector('dialog#modal[open] a[href*="/approve/"], dialog#modal[open] [data-action="sign_in"]', { timeout: 30000 });
    assert.match(await link.evaluate((node) => node.textContent), /Sign in and approve/);
    await shot('sign-in');
    await dismiss();
  });
  await step('no script error and nothing blocked', async () => { assert.deepEqual(problems, []); });
} finally {
  await close();
}
process.exit(0);
