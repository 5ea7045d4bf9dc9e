// The workspace as one person sees it. State comes from the control API, changes from /events.
import { el, mrkdwn, renderBlock, plainText, dateText } from '/render.js';

const $ = (id) => document.getElementById(id);
const store = {
  get: (key) => { try { return localStorage.getItem(`workspace.${key}`); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(`workspace.${key}`, value); } catch { /* private window */ } },
};
const S = {
  team: null, me: store.get('me') ?? 'U0AMY', channel: null, thread: null,
  messages: new Map(), private: [], warnings: new Map(), unread: new Map(), views: [], draft: {}, home: null, atHome: false, fresh: new Set(),
};

async function get(path) {
  const answer = await fetch(path, { cache: 'no-store' });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
async function post(name, body) {
  const answer = await fetch(`/control/${name}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return answer.json();
}

// ---- names

const user = (id) => S.team.users.find((one) => one.id === id);
const channel = (id) => S.team.channels.find((one) => one.id === id);
const names = {
  get me() { return S.me; },
  user: (id) => user(id)?.name,
  channel: (id) => channel(id)?.name,
  group: (id) => S.team.groups.find((one) => one.id === id)?.handle,
};
const initials = (name) => name.split(/\s+/).map((word) => word[0] ?? '').join('').slice(0, 2).toUpperCase();
function avatar(id, small) {
  const who = user(id);
  const bot = !who || who.is_bot;
  const tint = bot ? 'tbot' : `t${[...id].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 8, 7)}`;
  return el('span', { class: `avatar ${tint}${small ? ' small' : ''}`, 'aria-hidden': 'true' }, bot ? '✓' : initials(who.real_name || who.name));
}
const standing = (who) => (who.deleted ? 'deactivated' : who.team_id !== S.team.team.id ? 'other company' : who.is_restricted ? 'guest' : '');

// ---- messages

const key = (ts, block, action) => `${ts}/${block}/${action}`;

async function click(message, block, element, value, button) {
  const where = key(message.ts, block.block_id, element.action_id);
  S.warnings.delete(where);
  button?.setAttribute('aria-busy', 'true');
  let answer;
  try {
    answer = await post('click', { user: S.me, channel: S.channel, ts: message.ts, block_id: block.block_id, action_id: element.action_id, value });
  } catch {
    answer = { acked: false, error: 'unreachable' };
  }
  button?.removeAttribute('aria-busy');
  if (answer.acked) return;
  S.warnings.set(where, trouble(answer));
  drawMessages();
}
function trouble(answer) {
  switch (answer.error) {
    case 'operation_timeout': return 'The app did not answer in time';
    case 'dispatch_failed': return 'The app is not connected';
    case 'unreachable': return 'The workspace cannot be reached';
    case 'message_not_found': return 'This message is gone';
    default: return answer.detail ?? answer.error ?? 'That did not work';
  }
}

function confirmed(confirm) {
  if (!confirm) return Promise.resolve(true);
  const dialog = $('confirm');
  return new Promise((resolve) => {
    const done = (yes) => () => { dialog.close(); resolve(yes); };
    dialog.replaceChildren(
      el('div', { class: 'dialog-head' }, el('h2', { id: 'confirm-title' }, plainText(confirm.title))),
      el('div', { class: 'dialog-body' }, confirm.text.type === 'mrkdwn' ? mrkdwn(confirm.text.text, names, { verbatim: confirm.text.verbatim }) : plainText(confirm.text)),
      el('div', { class: 'dialog-foot' },
        el('button', { type: 'button', class: 'btn', onclick: done(false) }, plainText(confirm.deny)),
        el('button', { type: 'button', class: `btn ${confirm.style === 'danger' ? 'danger solid' : 'primary'}`, onclick: done(true) }, plainText(confirm.confirm))));
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
    dialog.querySelector('.dialog-body').scrollTop = 0;
  });
}

// An element that acts at once: in messages, and in modals outside of inputs.
function actor(run) {
  return (element, block) => {
    const fire = async (value, node) => { if (await confirmed(element.confirm)) run(element, block, value, node); };
    if (element.type === 'button') {
      const style = element.style === 'primary' ? ' primary' : element.style === 'danger' ? ' danger' : '';
      return el('button', { type: 'button', class: `btn${style}`, 'data-action': element.action_id, 'aria-label': element.accessibility_label, onclick: (event) => fire(element.value, event.currentTarget) }, plainText(element.text));
    }
    const options = optionsOf(element);
    if (options) {
      return el('select', { class: element.type === 'overflow' ? 'input inline menu' : 'input inline', 'data-action': element.action_id, 'aria-label': plainText(element.placeholder) || 'Choose', onchange: (event) => { const chosen = event.target.value; if (element.type === 'overflow') event.target.value = ''; fire(chosen, event.target); } },
        el('option', { value: '' }, plainText(element.placeholder) || (element.type === 'overflow' ? '⋯' : 'Choose…')),
        options.map((option) => el('option', { value: option.value }, option.label)));
    }
    return el('span', { class: 'unknown' }, `[${element.type}]`);
  };
}
function optionsOf(element) {
  if (element.options) return element.options.map((option) => ({ value: option.value, label: plainText(option.text) }));
  if (element.type === 'users_select') return S.team.users.filter((one) => !one.deleted).map((one) => ({ value: one.id, label: one.name }));
  if (/^(conversations|channels)_select$/.test(element.type)) return S.team.channels.filter((one) => one.name).map((one) => ({ value: one.id, label: `#${one.name}` }));
  return null;
}

function messageNode(message, inThread) {
  const who = user(message.user);
  const seconds = Number.parseFloat(message.ts);
  const act = actor((element, block, value, node) => click(message, block, element, value, node));
  const make = (element, block) => {
    const warning = S.warnings.get(key(message.ts, block.block_id, element.action_id));
    const node = act(element, block);
    return warning ? [node, el('span', { class: 'warning', role: 'alert' }, el('span', { 'aria-hidden': 'true' }, '⚠'), warning)] : node;
  };
  const input = (block) => el('p', { class: 'unknown' }, `An input: ${plainText(block.label)}`);
  const blocks = message.blocks?.length
    ? el('div', { class: message.blocks.some((block) => block.type === 'header' || block.type === 'actions') || message.blocks.length > 2 ? 'blocks card' : 'blocks' }, message.blocks.map((block) => renderBlock(block, names, make, input)))
    : el('div', { class: 'text' }, mrkdwn(message.text ?? '', names));
  const replies = message.reply_count ?? 0;
  return el('li', { class: `message${message.is_ephemeral ? ' private' : ''}${S.fresh.has(message.ts) ? ' arrived' : ''}`, 'data-ts': message.ts },
    avatar(message.user),
    el('div', { class: 'content' },
      message.is_ephemeral && el('div', { class: 'only-you' }, 'Only visible to you'),
      el('div', { class: 'who' }, el('strong', {}, who?.real_name ?? message.user), message.bot_id && el('span', { class: 'app-tag' }, 'APP'),
        el('time', { datetime: new Date(seconds * 1000).toISOString(), title: dateText(seconds, '{date_long} {time_secs}') }, dateText(seconds, '{time}')),
        message.edited && el('span', { class: 'edited' }, '(edited)')),
      blocks,
      message.reactions && el('div', { class: 'reactions' }, message.reactions.map((one) => el('span', { class: 'reaction' }, `:${one.name}: ${one.count}`))),
      !inThread && !message.is_ephemeral && el('button', { type: 'button', class: replies ? 'replies' : 'replies quiet', onclick: () => openThread(message.ts) }, replies ? `${replies} ${replies === 1 ? 'reply' : 'replies'}` : 'Reply in thread')));
}

// Replaces only what changed, so that focus and scrolling stay where they are.
const drawn = new WeakMap();
function drawList(list, messages, inThread) {
  const old = new Map([...list.children].map((node) => [node.dataset.ts, node]));
  const nodes = messages.map((message) => {
    const warned = [...S.warnings].filter(([where]) => where.startsWith(`${message.ts}/`));
    const face = JSON.stringify([message, warned, S.me, inThread]);
    const before = old.get(message.ts);
    if (before && drawn.get(before) === face) return before;
    const node = messageNode(message, inThread);
    drawn.set(node, face);
    const focused = before?.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    if (focused) queueMicrotask(() => node.querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus());
    return node;
  });
  let at = list.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else list.insertBefore(node, at);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

function visibleMessages() {
  const all = [...(S.messages.get(S.channel)?.values() ?? [])];
  const mine = S.private.filter((one) => one.channel === S.channel).map((one) => one.message);
  const order = (a, b) => (a.ts < b.ts ? -1 : 1);
  const root = (message) => !message.thread_ts || message.thread_ts === message.ts || message.subtype === 'thread_broadcast';
  return {
    main: [...all.filter(root), ...mine.filter((one) => !one.thread_ts)].sort(order),
    thread: S.thread ? [...all.filter((one) => one.ts === S.thread || one.thread_ts === S.thread), ...mine.filter((one) => one.thread_ts === S.thread)].sort(order) : [],
  };
}

function drawMessages() {
  const scroll = $('scroll');
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  const { main, thread } = visibleMessages();
  drawList($('messages'), main, false);
  $('empty').hidden = main.length > 0 || S.atHome;
  $('empty').textContent = channel(S.channel)?.is_member === false && !channel(S.channel)?.is_im ? 'The app is not in this channel.' : 'Nothing here yet. Requests that ask for an approval appear here.';
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  $('thread').hidden = !S.thread;
  if (S.thread) {
    drawList($('thread-messages'), thread, true);
    const pane = $('thread-messages').parentElement;
    pane.scrollTop = pane.scrollHeight;
  }
  S.fresh.clear();
}

function openThread(ts) {
  S.thread = ts;
  drawMessages();
  $('thread-text').focus();
}

// ---- the frame around them

function drawSide() {
  const item = (id, mark, label) => {
    const count = S.unread.get(id) ?? 0;
    return el('li', {}, el('button', { type: 'button', 'aria-current': id === S.channel && !S.atHome ? 'true' : undefined, onclick: () => show(id) },
      el('span', { class: 'hash', 'aria-hidden': 'true' }, mark), el('span', { class: count ? 'label unread' : 'label' }, label),
      count > 0 && el('span', { class: 'badge' }, count, el('span', { class: 'visually-hidden' }, ' new'))));
  };
  const named = S.team.channels.filter((one) => !one.is_im && (one.members.includes(S.me) || !one.is_private));
  $('channels').replaceChildren(...named.map((one) => item(one.id, one.is_private ? '◆' : '#', one.name)));
  const direct = S.team.channels.filter((one) => one.is_im && one.user === S.me);
  $('direct-section').hidden = direct.length === 0;
  $('direct').replaceChildren(...direct.map((one) => item(one.id, '✓', user(S.team.bot_user_id)?.real_name ?? 'App')));
  const people = S.team.users.filter((one) => !one.is_bot && one.id !== 'USLACKBOT');
  const order = ['U0RILEY', 'U0AMY', 'U0BEN', 'U0CAT', 'U0DAN'];
  const rank = (one) => (order.includes(one.id) ? order.indexOf(one.id) : order.length + (one.deleted ? 2 : standing(one) ? 1 : 0));
  people.sort((a, b) => rank(a) - rank(b));
  const focused = document.activeElement?.name === 'me';
  $('people').replaceChildren(...people.map((one) => el('label', { class: 'person' },
    el('input', { type: 'radio', name: 'me', value: one.id, checked: one.id === S.me, onchange: () => become(one.id) }),
    avatar(one.id, true), el('span', { class: 'label' }, one.name), standing(one) && el('span', { class: 'tag' }, standing(one)))));
  if (focused) document.querySelector('input[name=me]:checked')?.focus();
  const here = channel(S.channel);
  $('channel-name').textContent = here?.is_im ? user(S.team.bot_user_id)?.real_name ?? 'App' : `#${here?.name ?? ''}`;
  $('channel-about').textContent = here?.is_im ? 'Direct messages from the app' : `${here?.members.length ?? 0} members${here?.is_ext_shared ? ', shared with another company' : ''}`;
  $('composer-text').placeholder = `Message ${$('channel-name').textContent} as ${names.user(S.me) ?? ''}, or /approvals list`;
  document.title = `${$('channel-name').textContent} · ${names.user(S.me) ?? ''} · Sim Harbor`;
}
function drawLink(sockets) {
  const live = sockets.live;
  $('link-state').replaceChildren(el('span', { class: `dot ${live ? 'on' : 'off'}`, 'aria-hidden': 'true' }), live ? `App connected, ${live} ${live === 1 ? 'socket' : 'sockets'}` : 'App not connected');
}

async function show(id) {
  S.atHome = false;
  S.channel = id;
  S.thread = null;
  S.unread.delete(id);
  store.set('channel', id);
  if (location.hash.slice(1).split('/')[0] !== id) history.replaceState(null, '', `#${id}`);
  drawSide();
  drawHome();
  if (!S.messages.has(id)) await load(id);
  drawMessages();
  $('scroll').scrollTop = $('scroll').scrollHeight;
}
async function load(id) {
  const { messages } = await get(`/control/messages?channel=${encodeURIComponent(id)}`);
  S.messages.set(id, new Map(messages.map((message) => [message.ts, message])));
}
async function become(id) {
  S.me = id;
  store.set('me', id);
  S.warnings.clear();
  if (channel(S.channel)?.is_im) S.channel = 'C0APPROVALS';
  drawSide();
  await Promise.all([loadPrivate(), loadViews()]);
  drawMessages();
  if (S.atHome) await openHome();
}
async function loadPrivate() {
  const me = S.me;
  const { ephemerals } = await get(`/control/ephemerals?user=${encodeURIComponent(me)}`);
  if (me === S.me) S.private = ephemerals;
}

// ---- modals

let viewsAsked = 0;
let viewsKnown = 0;
async function loadViews() {
  const me = S.me;
  const asked = ++viewsAsked;
  const { views, home } = await get(`/control/views?user=${encodeURIComponent(me)}`);
  // An answer that comes after a later one is older: it must not close a dialog that was opened meanwhile.
  if (me !== S.me || asked < viewsKnown) return;
  viewsKnown = asked;
  S.home = home ?? null;
  drawHome();
  // What was asked for before a submission was refused must not wipe the refusal away.
  const had = S.views.at(-1);
  const top = views.at(-1);
  const same = had && top && had.view.id === top.view.id && had.view.hash === top.view.hash;
  if (same) top.errors ??= had.errors;
  S.views = views;
  drawModal();
}

// ---- the app's own page for one person

function drawHome() {
  const node = $('home');
  node.hidden = !S.atHome;
  $('messages').hidden = $('composer').hidden = S.atHome;
  $('open-home').setAttribute('aria-current', S.atHome ? 'true' : 'false');
  if (!S.atHome) return;
  $('empty').hidden = true;
  $('channel-name').textContent = 'App Home';
  $('channel-about').textContent = `as ${names.user(S.me) ?? S.me}`;
  const act = actor(async (element, block, value, button) => {
    button?.setAttribute('aria-busy', 'true');
    await post('click', { user: S.me, view_id: S.home.id, block_id: block.block_id, action_id: element.action_id, value });
    button?.removeAttribute('aria-busy');
  });
  node.replaceChildren(S.home
    ? el('div', { class: 'blocks card' }, S.home.blocks.map((block) => renderBlock(block, names, act, () => null)))
    : el('p', { class: 'empty' }, 'The app has drawn nothing here yet.'));
}
async function openHome() {
  S.atHome = true;
  S.thread = null;
  drawSide();
  drawMessages();
  drawHome();
  await post('open_home', { user: S.me });
}

let trapped = '';
let face = '';
function drawModal(problem = '') {
  const dialog = $('modal');
  const top = S.views.at(-1);
  if (!top) {
    if (dialog.open) dialog.close();
    trapped = face = '';
    return;
  }
  const { view, errors } = top;
  if (trapped !== view.id) S.draft = {};
  const fresh = trapped !== view.id;
  trapped = view.id;
  // Whoever is typing keeps their place where nothing else has changed.
  const now = JSON.stringify([view, errors, problem, S.me]);
  if (!fresh && dialog.open && now === face) return;
  face = now;
  const typing = dialog.contains(document.activeElement) ? document.activeElement : null;
  const focus = typing?.id ?? '';
  const caret = typing?.tagName === 'TEXTAREA' ? [typing.selectionStart, typing.selectionEnd] : null;
  const act = actor(async (element, block, value, node) => {
    node?.setAttribute('aria-busy', 'true');
    const answer = await post('click', { user: S.me, view_id: view.id, block_id: block.block_id, action_id: element.action_id, value, values: S.draft });
    node?.removeAttribute('aria-busy');
    if (!answer.acked) drawModal(trouble(answer));
  });
  const close = (all) => () => post('close_view', { user: S.me, view_id: view.id, all });
  const body = el('form', { class: 'dialog-form', onsubmit: (event) => { event.preventDefault(); submit(view, event.submitter); } },
    el('div', { class: 'dialog-head' }, el('h2', { id: 'modal-title' }, plainText(view.title)), el('button', { type: 'button', class: 'plain', 'aria-label': 'Close', onclick: close(true) }, '✕')),
    el('div', { class: 'dialog-body' }, el('div', { class: 'blocks' }, view.blocks.map((block) => renderBlock(block, names, act, (one) => inputNode(one, errors?.[one.block_id]))))),
    el('div', { class: 'dialog-foot' },
      problem ? el('span', { class: 'trouble', role: 'alert' }, problem) : el('span', { class: 'acting' }, `as ${names.user(S.me) ?? S.me}`),
      el('button', { type: 'button', class: 'btn', onclick: close(false) }, plainText(view.close) || (view.submit ? 'Cancel' : 'Close')),
      view.submit && el('button', { type: 'submit', class: 'btn primary', id: 'modal-submit' }, plainText(view.submit))));
  dialog.replaceChildren(body);
  dialog.oncancel = (event) => { event.preventDefault(); close(false)(); };
  if (!dialog.open) dialog.showModal();
  const target = (!fresh && focus && document.getElementById(focus)) || dialog.querySelector('[aria-invalid=true]') || dialog.querySelector('.input') || dialog.querySelector('.dialog-foot .btn');
  // A long dialog is read from its beginning, wherever its first field is.
  target?.focus({ preventScroll: fresh });
  if (caret && target?.tagName === 'TEXTAREA' && target.id === focus) target.setSelectionRange(...caret);
  if (fresh) dialog.querySelector('.dialog-body').scrollTop = 0;
}

function inputNode(block, error) {
  const element = block.element;
  const id = `in-${block.block_id}`;
  const draft = (S.draft[block.block_id] ??= {});
  const keep = (value) => { draft[element.action_id] = value; };
  const had = draft[element.action_id];
  const common = { id, class: 'input', 'aria-invalid': error ? 'true' : undefined, 'aria-describedby': `${id}-note` };
  const label = [plainText(block.label), block.optional && el('span', { class: 'optional' }, ' (optional)')];
  let control;
  const options = optionsOf(element);
  if (element.type === 'checkboxes' || element.type === 'radio_buttons') {
    const many = element.type === 'checkboxes';
    const chosen = new Set(had ? [had].flat() : (element.initial_options ?? [element.initial_option]).filter(Boolean).map((one) => one.value));
    control = el('div', { role: many ? 'group' : 'radiogroup', id }, options.map((option) => el('label', { class: 'choice' },
      el('input', { type: many ? 'checkbox' : 'radio', name: id, value: option.value, checked: chosen.has(option.value), onchange: (event) => {
        if (!many) { keep(option.value); return; }
        if (event.target.checked) chosen.add(option.value); else chosen.delete(option.value);
        keep([...chosen]);
      } }), option.label)));
    return el('div', { class: 'field' }, el('span', { class: 'label-text' }, label), control, note(id, block, error));
  }
  if (options) {
    const many = element.type.startsWith('multi_');
    const start = had ?? element.initial_option?.value ?? element.initial_user ?? '';
    control = el('select', { ...common, multiple: many, onchange: (event) => keep(many ? [...event.target.selectedOptions].map((one) => one.value) : event.target.value) },
      !many && el('option', { value: '' }, plainText(element.placeholder) || 'Choose…'),
      options.map((option) => el('option', { value: option.value, selected: [start].flat().includes(option.value) }, option.label)));
  } else if (element.multiline) {
    control = el('textarea', { ...common, maxlength: element.max_length, placeholder: plainText(element.placeholder) || undefined, oninput: (event) => keep(event.target.value) });
    control.value = had ?? element.initial_value ?? '';
  } else {
    const type = { datepicker: 'date', timepicker: 'time', number_input: 'number', email_text_input: 'email', url_text_input: 'url' }[element.type] ?? 'text';
    control = el('input', { ...common, type, maxlength: element.max_length, placeholder: plainText(element.placeholder) || undefined, oninput: (event) => keep(event.target.value) });
    control.value = had ?? element.initial_value ?? element.initial_date ?? element.initial_time ?? '';
  }
  return el('div', { class: 'field' }, el('label', { for: id }, label), control, note(id, block, error));
}
function note(id, block, error) {
  return el('div', { id: `${id}-note` }, error && el('div', { class: 'error', role: 'alert' }, error), block.hint && el('div', { class: 'hint' }, plainText(block.hint)));
}

async function submit(view, button) {
  button?.setAttribute('aria-busy', 'true');
  let answer;
  try {
    answer = await post('submit_view', { user: S.me, view_id: view.id, values: S.draft });
  } catch {
    answer = { error: 'unreachable' };
  }
  button?.removeAttribute('aria-busy');
  if (answer.error === 'invalid_input') {
    const refused = S.views.find((one) => one.view.id === view.id);
    if (refused) refused.errors = answer.errors;
    drawModal();
  } else if (answer.error) {
    drawModal(answer.error === 'operation_timeout' || answer.error === 'dispatch_failed' ? 'We had some trouble connecting. Try again?' : trouble(answer));
  } else {
    await loadViews();
  }
}

// ---- writing

async function send(text, thread) {
  const noteNode = $('composer-note');
  noteNode.className = 'composer-note';
  noteNode.textContent = '';
  let answer;
  try {
    answer = text.startsWith('/') ? await post('command', { user: S.me, channel: S.channel, text }) : await post('say', { user: S.me, channel: S.channel, text, thread_ts: thread ?? undefined });
  } catch {
    answer = { error: 'unreachable' };
  }
  if (!answer.error) return;
  noteNode.className = 'composer-note bad';
  const word = text.split(' ')[0];
  const failed = answer.error === 'dispatch_failed' || answer.error === 'operation_timeout';
  noteNode.textContent = failed ? `${word} failed: ${trouble(answer).toLowerCase()} (${answer.error})` : trouble(answer);
}
function wire(form, input, thread) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = '';
    const button = form.querySelector('.send');
    button.disabled = true;
    await send(text, thread());
    button.disabled = false;
    input.focus();
  });
}

// ---- live

function keepMessage({ channel: id, message }) {
  const here = S.messages.get(id);
  const isNew = here ? !here.has(message.ts) : true;
  here?.set(message.ts, message);
  if (isNew) S.fresh.add(message.ts);
  if (id === S.channel) drawMessages();
  else if (isNew && message.bot_id && channel(id)?.members.includes(S.me)) {
    S.unread.set(id, (S.unread.get(id) ?? 0) + 1);
    drawSide();
  }
}
function keepPrivate({ user: who, channel: id, message }) {
  if (who !== S.me) return;
  const at = S.private.findIndex((one) => one.message.ts === message.ts);
  if (at < 0) S.fresh.add(message.ts);
  if (at < 0) S.private.push({ channel: id, ts: message.ts, message });
  else S.private[at] = { channel: id, ts: message.ts, message };
  drawMessages();
}
function forget({ channel: id, ts, user: who }) {
  if (who) S.private = S.private.filter((one) => one.ts !== ts);
  else S.messages.get(id)?.delete(ts);
  if (S.thread === ts) S.thread = null;
  drawMessages();
}

let source = null;
async function start() {
  S.team = await get('/control/state');
  if (!user(S.me)) S.me = 'U0AMY';
  S.messages.clear();
  drawLink(S.team.sockets);
  source?.close();
  source = new EventSource(`/events?after=${S.team.feed}`);
  const on = (kind, act) => source.addEventListener(kind, (event) => act(JSON.parse(event.data)));
  on('message', keepMessage);
  on('ephemeral', keepPrivate);
  on('deleted', forget);
  on('views', ({ user: who }) => { if (who === S.me) loadViews(); });
  on('team', async () => { S.team = await get('/control/state'); drawSide(); });
  on('sockets', drawLink);
  on('restart', begin);
  source.onerror = () => {
    $('link-state').replaceChildren(el('span', { class: 'dot off', 'aria-hidden': 'true' }), 'Workspace not reachable, trying again');
    if (source.readyState === EventSource.CLOSED) setTimeout(begin, 1500);
  };
  source.onopen = () => { if (lost) begin(); lost = false; };
  source.addEventListener('error', () => { lost = true; });
  const [wanted, ts] = location.hash.slice(1).split('/');
  const first = [wanted, S.channel, store.get('channel'), 'C0APPROVALS'].find((id) => channel(id));
  await Promise.all([loadPrivate(), loadViews()]);
  await show(first);
  if (ts) document.querySelector(`[data-ts="${CSS.escape(ts)}"]`)?.scrollIntoView({ block: 'center' });
}
let lost = false;
let beginning = false;
async function begin() {
  if (beginning) return;
  beginning = true;
  try {
    await start();
  } catch {
    setTimeout(begin, 1500);
  } finally {
    beginning = false;
  }
}

wire($('composer'), $('composer-text'), () => null);
wire($('thread-composer'), $('thread-text'), () => S.thread);
$('open-home').addEventListener('click', openHome);
$('thread-close').addEventListener('click', () => { S.thread = null; drawMessages(); $('composer-text').focus(); });
addEventListener('hashchange', () => { const id = location.hash.slice(1).split('/')[0]; if (channel(id) && id !== S.channel) show(id); });
addEventListener('keydown', (event) => { if (event.key === 'Escape' && S.thread && !$('modal').open) { S.thread = null; drawMessages(); } });
begin();
