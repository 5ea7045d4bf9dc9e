// Teams as one person sees it: messages, cards in their own form, dialogs. Everything goes through the control API;
// cards are asked for anew as a client of Teams does for those they name.
import { el } from '/render.js';

const $ = (id) => document.getElementById(id);
const channels = [
  { id: '19:approvals@thread.tacv2', name: 'Approvals', about: 'a channel of the team Harbor' },
  { id: '19:ops@thread.v2', name: 'Ops', about: 'a group chat' },
  { id: null, name: 'Countersign', about: 'your own conversation with the bot' },
];
const S = { me: 'amy', at: 0, drawn: '', refreshed: new Map(), open: new Set(), typed: new Map(), words: 0 };

async function get(name, query) {
  const answer = await fetch(`/control/teams/${name}?${new URLSearchParams(query)}`, { cache: 'no-store' });
  return answer.json();
}
async function post(name, body) {
  const answer = await fetch(`/control/teams/${name}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return answer.json();
}
const conversation = () => channels[S.at].id ?? `a:1${S.me}`;

// ---- cards

const looks = (run) => [run.fontType === 'Monospace' ? 'mono' : '', run.weight === 'Bolder' ? 'strong' : '', run.isSubtle ? 'subtle' : '', run.size === 'Medium' ? 'large' : ''].join(' ').trim();
function runNode(run) {
  const node = el(run.fontType === 'Monospace' ? 'code' : 'span', { class: looks(run) }, run.text);
  if (run.selectAction?.type !== 'Action.OpenUrl' || !/^https?:/.test(run.selectAction.url)) return node;
  return el('a', { href: run.selectAction.url, rel: 'noreferrer noopener', target: '_blank' }, node);
}
function element(one, act, where) {
  switch (one.type) {
    case 'RichTextBlock': return el('p', { class: `ac-line${one.spacing === 'None' ? ' close' : ''}` }, one.inlines.map(runNode));
    case 'TextBlock': return el('p', { class: 'ac-line' }, one.text);
    case 'ActionSet': return actionsNode(one.actions, act, where);
    case 'Input.Text': {
      const id = `${where}/${one.id}`;
      const input = el('textarea', { class: 'input', id, rows: '2', maxlength: String(one.maxLength ?? 1000), oninput: (event) => S.typed.set(id, event.target.value) });
      input.value = S.typed.get(id) ?? '';
      return el('div', { class: 'ac-input' }, el('label', { for: id }, one.label ?? one.id), input);
    }
    default: return el('p', { class: 'unknown' }, `[${one.type}]`);
  }
}
// What was typed into the inputs that a button sends along.
function inputsOf(card, where) {
  const inputs = {};
  for (const one of card.body ?? []) if (one.type === 'Input.Text') inputs[one.id] = S.typed.get(`${where}/${one.id}`) ?? '';
  return inputs;
}
function actionsNode(actions, act, where) {
  const below = [];
  const buttons = (actions ?? []).map((action) => {
    const shown = `${where}/${action.title}`;
    if (action.type === 'Action.ShowCard') {
      if (S.open.has(shown)) below.push(el('div', { class: 'ac-inner' }, cardNode(action.card, act, shown)));
      return el('button', { type: 'button', class: 'btn', 'aria-expanded': String(S.open.has(shown)), 'data-title': action.title, onclick: () => { S.open.has(shown) ? S.open.delete(shown) : S.open.add(shown); S.drawn = ''; look(); } }, `${action.title}…`);
    }
    return el('button', { type: 'button', class: `btn${action.title === 'Approve' ? ' primary' : ''}`, 'data-title': action.title, onclick: () => act(action.title, where) }, action.title);
  });
  return el('div', { class: 'ac-actions' }, el('div', { class: 'b-actions' }, buttons), below);
}
function cardNode(card, act, where) {
  const send = (title, from) => act(title, from === where ? inputsOf(card, where) : from);
  return el('div', { class: 'ac-card' }, (card.body ?? []).map((one) => element(one, send, where)), card.actions ? actionsNode(card.actions, send, where) : null);
}

// ---- cards as Microsoft's library draws them

const library = globalThis.AdaptiveCards;
const host = library && new library.HostConfig({
  supportsInteractivity: true,
  fontFamily: 'inherit',
  fontTypes: { default: { fontFamily: 'inherit' }, monospace: { fontFamily: 'ui-monospace, Consolas, monospace' } },
  spacing: { small: 4, default: 8, medium: 12, large: 16, extraLarge: 20, padding: 12 },
  separator: { lineThickness: 1, lineColor: 'var(--line)' },
  actions: { maxActions: 6, spacing: 'default', buttonSpacing: 8, actionsOrientation: 'horizontal', actionAlignment: 'left', showCard: { actionMode: 'inline', inlineTopMargin: 8 } },
  containerStyles: { default: { backgroundColor: 'transparent', foregroundColors: Object.fromEntries(['default', 'accent', 'good', 'warning', 'attention', 'dark', 'light'].map((name) => [name, { default: 'inherit', subtle: 'inherit' }])) } },
  inputs: { label: { inputSpacing: 4, requiredInputs: { suffix: ' *' } }, errorMessage: { spacing: 'small' } },
});
// What was typed outlives a card that is drawn anew.
function withTyped(card, where) {
  const body = card.body?.map((one) => (one.type === 'Input.Text' ? { ...one, value: S.typed.get(`${where}/${one.id}`) ?? one.value } : one));
  const nested = (action) => (action.type === 'Action.ShowCard' ? { ...action, card: withTyped(action.card, where) } : action);
  return { ...card, body: body?.map((one) => (one.actions ? { ...one, actions: one.actions.map(nested) } : one)), actions: card.actions?.map(nested) };
}
function libraryNode(card, act, where) {
  const drawn = new library.AdaptiveCard();
  drawn.hostConfig = host;
  drawn.onExecuteAction = (action) => {
    if (action instanceof library.OpenUrlAction) {
      if (/^https?:/.test(action.url)) window.open(action.url, '_blank', 'noreferrer,noopener');
      return;
    }
    const texts = Object.entries(action.data ?? {}).filter(([, value]) => typeof value === 'string');
    act(action.title, Object.fromEntries(texts));
  };
  drawn.onInputValueChanged = (input) => S.typed.set(`${where}/${input.id}`, input.value);
  const key = (action) => `${where}/${action.title}`;
  drawn.onInlineCardExpanded = (action, shown) => { shown ? S.open.add(key(action)) : S.open.delete(key(action)); };
  drawn.parse(withTyped(card, where));
  const node = drawn.render();
  node.classList.add('ac-card');
  for (const action of drawn.getAllActions()) {
    action.renderedElement?.setAttribute('data-title', action.title);
    if (action instanceof library.ShowCardAction && S.open.has(key(action))) action.execute();
  }
  return node;
}
const drawCard = library ? libraryNode : cardNode;

// ---- what there is to see

async function press(message, title, inputs) {
  const answer = await post('press', { user: S.me, message, title, inputs });
  if (answer.error === 'input_required') say('Say why first.');
  else if (answer.status !== 200) say('Something went wrong. Please try again.');
  S.drawn = '';
  await look();
}
function say(words) { $('words').textContent = words; }

function messageNode(message, card) {
  const bot = message.from === 'bot';
  const text = message.activity.text?.replace(/<at>([^<]*)<\/at>/g, '@$1');
  return el('li', { class: `message${message.root !== message.id ? ' reply' : ''}`, 'data-message': message.id },
    el('span', { class: `avatar ${bot ? 'tbot' : 't3'}`, 'aria-hidden': 'true' }, bot ? '✓' : message.from.slice(0, 2).toUpperCase()),
    el('div', {},
      el('div', { class: 'message-head' }, el('strong', {}, bot ? 'Countersign' : message.from), message.edits ? el('span', { class: 'faint' }, ' edited') : null),
      text ? el('p', { class: 'ac-line' }, text) : null,
      card ? drawCard(card, (title, inputs) => press(message.id, title, inputs), message.id) : null));
}

async function cardFor(message) {
  if (message.from !== 'bot') return null;
  let { card } = await get('view', { user: S.me, message: message.id });
  // A client asks once for each edit, where the card names its user.
  const seen = `${S.me}/${message.id}`;
  if (card?.refresh && S.refreshed.get(seen) !== message.edits) {
    S.refreshed.set(seen, message.edits);
    const asked = await post('refresh', { user: S.me, message: message.id });
    if (asked.status === 200) card = (await get('view', { user: S.me, message: message.id })).card;
  }
  return card;
}

async function look() {
  const where = conversation();
  const { messages } = await get('messages', { conversation: where });
  const recent = messages.slice(-60);
  const cards = await Promise.all(recent.map(cardFor));
  const dialog = await get('dialog', { user: S.me });
  const { words } = await get('words', { user: S.me });
  const now = JSON.stringify([where, S.me, recent.map((one) => [one.id, one.edits]), cards, dialog, words.length]);
  if (now === S.drawn || where !== conversation()) return;
  S.drawn = now;
  $('messages').replaceChildren(...recent.map((message, i) => messageNode(message, cards[i])));
  $('empty').hidden = recent.length > 0;
  $('empty').textContent = 'Nothing was said here yet.';
  if (words.length > S.words) say(words[words.length - 1]);
  S.words = words.length;
  drawDialog(dialog);
}

function drawDialog({ title, card }) {
  const modal = $('modal');
  if (!card) return modal.close();
  const act = async (pressed, inputs) => { await post('dialog', { user: S.me, title: pressed, inputs }); S.drawn = ''; await look(); };
  modal.replaceChildren(
    el('div', { class: 'dialog-head' }, el('h2', { id: 'modal-title' }, title)),
    el('div', { class: 'dialog-body' }, drawCard(card, act, 'dialog')),
    el('div', { class: 'dialog-foot' }, el('button', { type: 'button', class: 'btn', onclick: () => modal.close() }, 'Close')));
  if (!modal.open) modal.showModal();
}

function drawSide(users) {
  $('channels').replaceChildren(...channels.map((one, i) => el('li', {}, el('button', { type: 'button', 'aria-current': i === S.at ? 'true' : null, onclick: () => { S.at = i; S.drawn = ''; drawSide(users); look(); } }, one.name))));
  $('people').replaceChildren(...users.map((one) => el('label', { class: 'person' },
    el('input', { type: 'radio', name: 'me', value: one.login, checked: one.login === S.me ? '' : null, onchange: () => { S.me = one.login; S.words = Infinity; S.drawn = ''; say(''); look(); } }),
    el('span', {}, `${one.name}${one.userRole !== 'user' ? ` (${one.userRole})` : ''}`))));
  $('channel-name').textContent = channels[S.at].name;
  $('channel-about').textContent = channels[S.at].about;
}

$('composer').addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = $('composer-text').value.trim();
  if (!text) return;
  $('composer-text').value = '';
  const answer = await post('say', { user: S.me, text, ...(channels[S.at].id ? { conversation: channels[S.at].id } : {}) });
  say(answer.status === 200 ? (channels[S.at].id ? 'Answered in your own conversation with Countersign.' : '') : 'The bot did not take that.');
});

async function begin() {
  const { users } = await get('state', {});
  drawSide(users);
  for (;;) {
    try { await look(); } catch { say('The workspace cannot be reached.'); }
    await new Promise((wait) => setTimeout(wait, 700));
  }
}
begin();
