// A decision's receipt in one real browser: receipt.mjs chromium|firefox LINK TOKEN [FOLDER-FOR-PICTURES]
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, openPage } from './browser.mjs';

const [name, link, token, pictures] = process.argv.slice(2);
const firefox = name === 'firefox';
const { browser, close } = await openBrowser(name);
const problems = [];
const open = () => openPage(browser, problems);
const picture = async (page, title) => { if (pictures) { mkdirSync(pictures, { recursive: true }); await page.screenshot({ path: join(pictures, `${name}-${title}.png`), fullPage: true }); } };
const settled = (page) => page.waitForSelector('#verdict.good, #verdict.bad', { timeout: 15000 });
const text = (page, selector) => page.$eval(selector, (node) => node.textContent);
try {
  // The link on the card, on a phone.
  const page = await open();
  await page.setViewport({ width: 390, height: 844 });
  await page.goto(link);
  await settled(page);
  assert.match(await text(page, '#verdict'), /^Checked in this browser: the published log holds, as event \d+/);
  assert.match(await text(page, 'h1'), /Denied: db\.upgrade/);
  assert.ok((await text(page, 'main')).includes('<b>PostgreSQL 15</b>'), 'what people wrote stands there as they wrote it');
  assert.equal(await page.$('main b'), null);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is cut at 390 pixels');
  assert.equal(await page.$('#decision'), null);
  await picture(page, 'link-phone');
  // All of it, by the form that whoever has a token fills in.
  const whole = await open();
  await whole.setViewport({ width: 1000, height: 900 });
  await whole.goto(link.split('?')[0]);
  const refused = problems.splice(0);
  assert.ok(refused.every((problem) => problem.includes('401')), refused.join('; '));
  await whole.type('#token', token);
  await Promise.all([whole.waitForNavigation(), whole.click('form button')]);
  await settled(whole);
  assert.match(await text(whole, '#verdict'), /the statement of this decision is signed, and the published log holds it/);
  assert.ok((await text(whole, '#signed')).includes('the change window is closed until Monday'));
  assert.ok((await whole.evaluate(() => document.querySelector('main').innerText)).includes('two  blanks'), 'blanks are not drawn together');
  await picture(whole, 'token');
  await whole.setViewport({ width: 390, height: 844 });
  assert.ok(await whole.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is cut at 390 pixels');
  await picture(whole, 'token-phone');
  if (pictures && !firefox) await whole.pdf({ path: join(pictures, 'receipt.pdf'), format: 'A4', margin: { top: '15mm', bottom: '15mm', left: '15mm', right: '15mm' } });
  // What was changed on its way is found: the log's event, the proof, the statement, each by itself.
  for (const id of ['leaf', 'proof', 'decision']) {
    const verdict = await whole.evaluate(async (part) => {
      const node = document.getElementById(part);
      const before = node.textContent;
      // One character of base64, or of a digest; what a proof calls extra proves nothing.
      const extra = before.match(/^extra .*$/m)?.[0] ?? '';
      node.textContent = before.replace(extra, '').replace(/([A-Za-z0-9+/]{24})([A-Za-z0-9])/, (_, head, last) => head + (last === 'A' ? 'B' : 'A'));
      const changed = node.textContent !== before;
      document.getElementById('signed').textContent = '';
      await startReceipt();
      const said = document.getElementById('verdict').textContent;
      node.textContent = before;
      return { changed, said };
    }, id);
    assert.ok(verdict.changed, id);
    assert.match(verdict.said, /^Do not rely on this page/, id);
  }
  // Without scripts it is read all the same.
  const plain = await browser.newPage();
  if (!firefox) {
    await plain.setJavaScriptEnabled(false);
    await plain.goto(link);
    assert.match(await text(plain, '#verdict'), /^Not checked by this browser/);
    assert.match(await text(plain, 'h1'), /Denied: db\.upgrade/);
  }
  assert.deepEqual(problems, []);
  console.log(`${name}: the receipt is shown and checked`);
} finally {
  await close();
}
process.exit(0);
