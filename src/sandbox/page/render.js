// Turns messages, blocks and markup into elements. Text from outside only ever becomes text nodes.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') node.className = value;
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}

const EMOJI = {
  white_check_mark: '✅', heavy_check_mark: '✔️', x: '❌', no_entry: '⛔', warning: '⚠️', hourglass: '⌛',
  hourglass_flowing_sand: '⏳', lock: '🔒', raised_hand: '✋', hand: '✋', eyes: '👀', bell: '🔔', clock1: '🕐',
  rotating_light: '🚨', tada: '🎉', information_source: 'ℹ️', thumbsup: '👍', '+1': '👍', '-1': '👎', robot_face: '🤖',
};
const emojis = (text) => text.replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] ?? all);
const unescape = (text) => text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
const safeUrl = (url) => (/^(https?:\/\/|mailto:)/i.test(url) ? url : null);

export function link(url, label) {
  const href = safeUrl(url);
  return href ? el('a', { href, title: href, target: '_blank', rel: 'noopener noreferrer' }, label) : document.createTextNode(label);
}

export function dateText(seconds, format) {
  const date = new Date(seconds * 1000);
  const pad = (n) => String(n).padStart(2, '0');
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  const days = Math.round((midnight(date) - midnight(new Date())) / 86400000);
  const pretty = { '-1': 'yesterday', 0: 'today', 1: 'tomorrow' }[days];
  const named = (options) => date.toLocaleDateString('en-GB', options);
  const short = { day: 'numeric', month: 'short', year: 'numeric' };
  const long = { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' };
  const plain = { day: 'numeric', month: 'long', year: 'numeric' };
  const words = {
    date_num: `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
    date: named(plain), date_short: named(short), date_long: named(long),
    date_pretty: pretty ?? named(plain), date_short_pretty: pretty ?? named(short), date_long_pretty: pretty ?? named(long),
    time: `${pad(date.getHours())}:${pad(date.getMinutes())}`,
    time_secs: `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`,
    ago: ago(seconds),
  };
  return format.replace(/\{([a-z_]+)\}/g, (all, name) => words[name] ?? all);
}

function ago(seconds) {
  const passed = Math.round(Date.now() / 1000 - seconds);
  const size = Math.abs(passed);
  const text = size < 60 ? `${size} s` : size < 3600 ? `${Math.round(size / 60)} min` : size < 86400 ? `${Math.round(size / 3600)} h` : `${Math.round(size / 86400)} days`;
  return passed >= 0 ? `${text} ago` : `in ${text}`;
}

// `names` resolves ids: {user(id), channel(id), group(id), me}
function mention(id, names) {
  return el('span', { class: id === names.me ? 'mention me' : 'mention' }, `@${names.user(id) ?? id}`);
}

function marked(inside, names) {
  const bar = inside.indexOf('|');
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? '' : unescape(inside.slice(bar + 1));
  if (target.startsWith('@')) return mention(target.slice(1), names);
  if (target.startsWith('#')) return el('span', { class: 'mention' }, `#${names.channel(target.slice(1)) ?? (label || target.slice(1))}`);
  if (target.startsWith('!subteam^')) return el('span', { class: 'mention' }, `@${names.group(target.slice(9)) ?? (label || target.slice(9))}`);
  if (target.startsWith('!date^')) {
    const [, seconds, format, url] = target.split('^');
    const text = /^\d{1,11}$/.test(seconds) && format ? dateText(Number(seconds), unescape(format)) : label;
    const node = el('time', { title: label || undefined }, text);
    return url ? link(unescape(url), node) : node;
  }
  if (target.startsWith('!')) return el('span', { class: 'mention loud' }, `@${target.slice(1)}`);
  const url = unescape(target);
  return link(url, label || url.replace(/^mailto:/, ''));
}

const INLINE = /`([^`\n]+)`|<([^<>\n]+)>|(?<![\w*])\*(?=\S)([^*\n]*?[^*\s])\*(?![\w*])|(?<![\w_])_(?=\S)([^_\n]*?[^_\s])_(?![\w_])|(?<![\w~])~(?=\S)([^~\n]*?[^~\s])~(?![\w~])/;
const BARE_URL = /https?:\/\/[^\s<>]+[^\s<>.,;:!?)\]]/;

function textNodes(text, options) {
  const plain = options.emoji === false ? unescape(text) : emojis(unescape(text));
  if (options.verbatim) return [plain];
  const out = [];
  let rest = plain;
  for (let found = BARE_URL.exec(rest); found; found = BARE_URL.exec(rest)) {
    out.push(rest.slice(0, found.index), link(found[0], found[0]));
    rest = rest.slice(found.index + found[0].length);
  }
  out.push(rest);
  return out;
}

function inline(text, names, options, depth = 0) {
  const out = [];
  let rest = text;
  for (let found = depth < 6 ? INLINE.exec(rest) : null; found; found = INLINE.exec(rest)) {
    out.push(...textNodes(rest.slice(0, found.index), options));
    const [all, code, markup, bold, italic, strike] = found;
    if (code !== undefined) out.push(el('code', {}, unescape(code)));
    else if (markup !== undefined) out.push(marked(markup, names));
    else if (bold !== undefined) out.push(el('strong', {}, inline(bold, names, options, depth + 1)));
    else if (italic !== undefined) out.push(el('em', {}, inline(italic, names, options, depth + 1)));
    else out.push(el('s', {}, inline(strike, names, options, depth + 1)));
    rest = rest.slice(found.index + all.length);
  }
  out.push(...textNodes(rest, options));
  return out;
}

export function mrkdwn(text, names, options = {}) {
  const out = [];
  const pieces = text.split(/```([\s\S]+?)```/);
  pieces.forEach((piece, index) => {
    if (index % 2 === 1) {
      out.push(el('pre', {}, unescape(piece.replace(/^\n/, ''))));
      return;
    }
    let quote = null;
    let first = true;
    for (const line of piece.split('\n')) {
      const quoted = /^&gt; ?/.exec(line);
      if (quoted) {
        if (!quote) out.push((quote = el('blockquote')));
        else quote.append(el('br'));
        quote.append(...inline(line.slice(quoted[0].length), names, options));
      } else {
        if (!first && !quote) out.push(el('br'));
        out.push(...inline(line, names, options));
        quote = null;
      }
      first = false;
    }
  });
  return out;
}

export function textObject(object, names) {
  if (!object) return [];
  if (object.type === 'mrkdwn') return mrkdwn(object.text ?? '', names, { verbatim: object.verbatim });
  const text = object.emoji === false ? object.text ?? '' : emojis(object.text ?? '');
  return text.split('\n').flatMap((line, index) => (index ? [el('br'), line] : [line]));
}
export const plainText = (object) => (object?.emoji === false ? object.text : emojis(object?.text ?? ''));

function richInline(item, names) {
  const style = item.style ?? {};
  const wrap = (node) => {
    let out = node;
    if (style.code) out = el('code', {}, out);
    if (style.bold) out = el('strong', {}, out);
    if (style.italic) out = el('em', {}, out);
    if (style.strike) out = el('s', {}, out);
    return out;
  };
  switch (item.type) {
    case 'text': return wrap(item.text ?? '');
    case 'link': return wrap(link(item.url ?? '', item.text || item.url || ''));
    case 'user': return wrap(mention(item.user_id, names));
    case 'usergroup': return el('span', { class: 'mention' }, `@${names.group(item.usergroup_id) ?? item.usergroup_id}`);
    case 'channel': return el('span', { class: 'mention' }, `#${names.channel(item.channel_id) ?? item.channel_id}`);
    case 'broadcast': return el('span', { class: 'mention loud' }, `@${item.range}`);
    case 'emoji': return EMOJI[item.name] ?? `:${item.name}:`;
    case 'date': return el('time', { title: item.fallback }, dateText(Number(item.timestamp), item.format ?? '{date_num} {time}'));
    case 'color': return el('code', {}, item.value ?? '');
    default: return '';
  }
}

function richPart(part, names) {
  const children = () => (part.elements ?? []).map((item) => richInline(item, names));
  switch (part.type) {
    case 'rich_text_preformatted': return el('pre', {}, children());
    case 'rich_text_quote': return el('blockquote', { class: 'rich' }, children());
    case 'rich_text_list': return el(part.style === 'ordered' ? 'ol' : 'ul', { class: 'line-list' }, (part.elements ?? []).map((item) => el('li', {}, richPart(item, names))));
    default: return el('div', { class: 'rich' }, children());
  }
}

// `make(element, block)` builds interactive elements, `input(block)` whole input blocks.
export function renderBlock(block, names, make, input) {
  switch (block.type) {
    case 'header': return el('h3', { class: 'b-header' }, plainText(block.text));
    case 'section':
      return el('div', { class: 'b-section' },
        el('div', { class: 'body' },
          block.text && el('div', {}, textObject(block.text, names)),
          block.fields && el('div', { class: 'fields' }, block.fields.map((field) => el('div', {}, textObject(field, names))))),
        block.accessory && make(block.accessory, block));
    case 'context':
      return el('div', { class: 'b-context' }, (block.elements ?? []).map((item) => (item.type === 'image' ? el('span', {}, `[${item.alt_text}]`) : el('span', {}, textObject(item, names)))));
    case 'actions': return el('div', { class: 'b-actions', 'data-block': block.block_id }, (block.elements ?? []).map((item) => make(item, block)));
    case 'divider': return el('hr', { class: 'b-divider' });
    case 'rich_text': return el('div', { class: 'b-rich' }, (block.elements ?? []).map((part) => richPart(part, names)));
    case 'image': return el('p', { class: 'unknown' }, `Image, not loaded: ${block.alt_text ?? ''} `, link(block.image_url ?? '', block.image_url ?? ''));
    case 'markdown': return el('pre', {}, block.text ?? '');
    case 'input': return input(block);
    default: return el('p', { class: 'unknown' }, `A block of type ${block.type}, which this page does not show`);
  }
}
