// Draws the cards of tests/wire/golden on the workspace page, measures them, and takes their pictures:
//   cards.mjs URL [FOLDER-FOR-PICTURES]
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openBrowser } from './browser.mjs';

const [url, pictures] = process.argv.slice(2);
const pixels_max = 1100; // of a card on a phone: about one and a half screens
const phone = { name: 'phone', width: 390, height: 844 };
const desktop = { name: 'desktop', width: 1280, height: 900 };
// Those that docs/cards.md shows; the others are measured alone.
const shown = ['of_a_command', 'of_a_plan', 'of_an_agent', 'of_many_alike', 'of_terms', 'held', 'approved', 'denied', 'refused', 'expired', 'cancelled', 'succeeded', 'failed', 'lapsed'];

const golden = fileURLToPath(new URL('../wire/golden/', import.meta.url));
const cards = readdirSync(golden).filter((file) => file.startsWith('slack_card_')).sort();
const call = async (method, args) => {
  const answer = await fetch(`${url}/api/${method}`, { method: 'POST', headers: { authorization: 'Bearer xoxb-sim-dev', 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(args) });
  const body = await answer.json();
  if (!body.ok) throw new Error(`${method}: ${JSON.stringify(body)}`);
  return body;
};
const posted = new Map();
for (const file of cards) {
  const { text, blocks, metadata } = JSON.parse(readFileSync(join(golden, file), 'utf8'));
  const { ts } = await call('chat.postMessage', { channel: 'C0APPROVALS', text, blocks, metadata });
  posted.set(file.slice('slack_card_'.length, -'.json'.length), ts);
}

const { browser, close } = await openBrowser();
try {
  if (pictures) mkdirSync(pictures, { recursive: true });
  const page = await browser.newPage();
  for (const screen of [phone, desktop]) {
    await page.setViewport({ width: screen.width, height: screen.height });
    for (const colours of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: colours }]);
      await page.goto(`${url}/#C0APPROVALS`, { waitUntil: 'domcontentloaded' });
      for (const [name, ts] of posted) {
        const card = await page.waitForSelector(`[data-ts="${ts}"] .blocks`);
        const { height, width, scroll, parts } = await card.evaluate((node) => ({ height: node.getBoundingClientRect().height, width: node.clientWidth, scroll: node.scrollWidth, parts: [...node.children].map((part) => Math.round(part.getBoundingClientRect().height)) }));
        if (screen === phone && colours === 'light') console.log(`${String(Math.round(height)).padStart(5)} px  ${name}`);
        if (screen === phone) assert.ok(height <= pixels_max, `${name} is ${height} pixels tall: its blocks are ${parts}`);
        assert.ok(scroll <= width, `${name} is wider than the screen`);
        if (pictures && shown.includes(name)) await card.screenshot({ path: join(pictures, `${name}-${screen.name}-${colours}.png`) });
      }
    }
  }
  console.log(`ok - ${posted.size} cards fit a phone`);
} finally {
  await close();
}
process.exit(0);
