'use strict';
(() => {

const $ = id => document.getElementById(id);
const {study, layers, metrics, inferno, top: firstTop} = JSON.parse($('study').textContent);
const {width: W, height: H, entries} = study;
const truth = entries.find(entry => study.truth && entry.id === study.truth.entry);
const measured = entries.filter(entry => entry.error);

const TERMS = {
  albedo: 'albedo', unoccluded: 'unoccluded light', open: 'open share', direct: 'direct light', bounce: 'bounce', final: 'final picture', error: 'error',
};
const VIEWS = {slider: 'Slider', flip: 'Flip', side: 'Side by side', difference: 'Difference', all: 'All'};
const GAINS = [1, 10, 100];
const CURVES = {neutral: 'PBR neutral', aces: 'ACES', reinhard: 'Reinhard', none: 'none (clipped)'};
const SIDES = ['left', 'right'];
const LOUPE = 11, LOUPE_SCALE = 11;  // pixels across, and screen pixels for each
const CLOSEST = 48;  // screen pixels for one of the picture

// An element with properties, attributes (where there is no such property) and children. Text is text: nothing is read as markup.
function el(tag, given = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(' ');
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

// Three significant digits.
function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e-4 || size >= 1e6) return value.toExponential(2);
  return size >= 1000 ? String(Number(value.toPrecision(3))) : value.toPrecision(3);
}

const signed = value => (value > 0 ? '+' : '') + digits(value);
const told = text => String(text).replace(/-(?=[\d.])/g, '\u2212');  // a minus, not a hyphen

// ---- pixels: the inverse of page.py `pack` -------------------------------------------------------------------------------

const unpacked = new Map();

// {channels, data}: planar float32, row 0 on top.
function layer(name) {
  if (!unpacked.has(name)) unpacked.set(name, unpack(layers[name]));
  return unpacked.get(name);
}

async function unpack({id, channels, bits}) {
  if (!('DecompressionStream' in window)) {
    throw new Error('This browser cannot unpack the pictures (it has no DecompressionStream). Chrome and Edge 80, Firefox 113, Safari 16.4 and newer can. The tables below are complete.');
  }
  const text = atob($(id).textContent);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const n = W * H, all = channels * n, drop = 23 - bits, codes = new Int32Array(all);
  for (let i = 0, at = 0; i < channels * H; i++) {
    for (let x = 0, before = 0; x < W; x++, at++) {
      const folded = bytes[at] | bytes[all + at] << 8 | bytes[2 * all + at] << 16;
      codes[at] = before += (folded >>> 1) ^ -(folded & 1);
    }
  }
  if (channels === 3) for (let i = 0; i < n; i++) { codes[i] += codes[n + i]; codes[2 * n + i] += codes[n + i]; }
  for (let i = 0; i < all; i++) codes[i] = (codes[i] & 0xffffff) << drop;
  return {channels, data: new Float32Array(codes.buffer)};
}

const hasTerm = (entry, term) => term in study.terms || term in entry.layers || (term === 'error' && !!truth && 'final' in entry.layers && 'final' in truth.layers);
const terms = Object.keys(TERMS).filter(term => entries.some(entry => hasTerm(entry, term)));

const errors = new Map();

// What a slot shows, or null where the entry has no such thing. An error is the root of the mean squared difference of the channels.
async function field(entry, term) {
  if (!hasTerm(entry, term)) return null;
  if (term !== 'error') return layer(entry.layers[term] ?? study.terms[term]);
  if (!errors.has(entry.id)) {
    const [a, b] = await Promise.all([layer(entry.layers.final), layer(truth.layers.final)]);
    const n = W * H, data = new Float32Array(n), channels = a.channels;
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let c = i; c < channels * n; c += n) sum += (a.data[c] - b.data[c]) ** 2;
      data[i] = Math.sqrt(sum / channels);
    }
    errors.set(entry.id, {channels: 1, data});
  }
  return errors.get(entry.id);
}

// ---- what a screen shows: shaders/display.frag without dither ------------------------------------------------------------

// sRGB by the root of the linear value, where it is nearly straight: 4096 steps are within 0.04 of one of 255.
const SRGB = new Uint8ClampedArray(4097);
for (let i = 0; i <= 4096; i++) {
  const c = (i / 4096) ** 2;
  SRGB[i] = Math.round(255 * (c > 0.0031308 ? 1.055 * c ** (1 / 2.4) - 0.055 : 12.92 * c));
}
const srgb = c => SRGB[c >= 1 ? 4096 : c > 0 ? Math.sqrt(c) * 4096 + 0.5 | 0 : 0];

function tone(rgba, {channels, data}, gain, curve) {
  const n = W * H, second = channels === 3 ? n : 0, third = channels === 3 ? 2 * n : 0, aces = c => c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14);
  for (let i = 0, at = 0; i < n; i++, at += 4) {
    let r = data[i] * gain, g = data[second + i] * gain, b = data[third + i] * gain;
    if (curve === 'neutral') {
      const least = Math.min(r, g, b), less = least < 0.08 ? least - 6.25 * least * least : 0.04;
      r -= less; g -= less; b -= less;
      const peak = Math.max(r, g, b);
      if (peak >= 0.76) {
        const highest = 1 - 0.0576 / (peak - 0.52), white = 1 - 1 / (0.15 * (peak - highest) + 1), keep = highest / peak * (1 - white);
        r = r * keep + highest * white; g = g * keep + highest * white; b = b * keep + highest * white;
      }
    } else if (curve === 'aces') {
      r = aces(r); g = aces(g); b = aces(b);
    } else if (curve === 'reinhard') {
      const over = 1 / (1 + 0.2126 * r + 0.7152 * g + 0.0722 * b);
      r *= over; g *= over; b *= over;
    }
    rgba[at] = srgb(r); rgba[at + 1] = srgb(g); rgba[at + 2] = srgb(b); rgba[at + 3] = 255;
  }
}

// metrics.false_colour
function falseColour(value, top) {
  const place = Math.min(Math.max(value / top, 0), 1) * (inferno.length - 1), low = Math.min(Math.floor(place), inferno.length - 2), share = place - low;
  return [0, 1, 2].map(c => Math.round(inferno[low][c] * (1 - share) + inferno[low + 1][c] * share));
}

function paint(canvas, found, term) {
  const context = canvas.getContext('2d');
  if (!found) return context.clearRect(0, 0, W, H);
  const image = context.createImageData(W, H), rgba = image.data, n = W * H;
  if (term === 'error') {
    const colours = new Uint32Array(rgba.buffer), table = new Uint32Array(4097), bytes = new Uint8Array(table.buffer);
    for (let i = 0; i <= 4096; i++) bytes.set([...falseColour(i / 4096, 1), 255], 4 * i);
    for (let i = 0; i < n; i++) colours[i] = table[Math.min(found.data[i] / state.top, 1) * 4096 + 0.5 | 0];
  } else if (term === 'open') {
    for (let i = 0; i < n; i++) { rgba[4 * i] = rgba[4 * i + 1] = rgba[4 * i + 2] = Math.round(255 * found.data[i]); rgba[4 * i + 3] = 255; }
  } else if (term === 'albedo') {
    tone(rgba, found, 1, 'none');
  } else {
    tone(rgba, found, 2 ** state.exposure, state.curve);
  }
  context.putImageData(image, 0, 0);
}

// |left - right| as light, or right - left about grey. No exposure and no tone curve: what is seen can be read.
function paintDifference(canvas, left, right) {
  const context = canvas.getContext('2d');
  if (!left || !right) return context.clearRect(0, 0, W, H);
  const image = context.createImageData(W, H), rgba = image.data, n = W * H;
  for (let c = 0; c < 3; c++) {
    const l = left.channels === 3 ? c * n : 0, r = right.channels === 3 ? c * n : 0;
    for (let i = 0; i < n; i++) {
      const apart = (right.data[r + i] - left.data[l + i]) * state.gain;
      rgba[4 * i + c] = state.signed ? 127.5 + 127.5 * apart : srgb(Math.abs(apart));
    }
  }
  for (let i = 0; i < n; i++) rgba[4 * i + 3] = 255;
  context.putImageData(image, 0, 0);
}

// ---- state ---------------------------------------------------------------------------------------------------------------

// At first the most samples of SSDO on the right, and SSAO with as many on the left; otherwise the last entry that is not the truth, and the first.
const samples = entry => entry.settings?.[`${entry.technique}.samples`];
function firstPair() {
  const ssdo = entries.findLastIndex(entry => entry.technique === 'ssdo'), right = ssdo >= 0 ? ssdo : Math.max(entries.findLastIndex(entry => entry !== truth), 0);
  const other = test => entries.findLastIndex((entry, i) => i !== right && entry.technique === 'ssao' && test(entry));
  const choices = [other(entry => samples(entry) === samples(entries[right])), other(() => true), entries.findIndex((_, i) => i !== right), right];
  return [choices.find(i => i >= 0), right];
}

const [firstLeft, firstRight] = firstPair();
const state = {
  left: {entry: firstLeft, term: 'final'},
  right: {entry: firstRight, term: 'final'},
  view: 'slider', exposure: study.display.exposure, curve: study.display.curve, top: firstTop ?? 1, gain: 10, signed: false,
  divider: 0.5, zoom: 1, x: W / 2, y: H / 2,  // zoom 1 fits the pane; x, y: which pixel is in its middle
  held: false, phase: false, loupe: false, pinned: false, at: [Math.floor(W / 2), Math.floor(H / 2)],
};
for (const side of SIDES) if (!hasTerm(entries[state[side].entry], 'final')) state[side].term = terms.find(term => hasTerm(entries[state[side].entry], term)) ?? terms[0];

const stage = $('stage'), panes = $('panes');
stage.style.setProperty('--aspect', `${W} / ${H}`);
const canvas = () => el('canvas', {width: W, height: H});
const canvases = {left: canvas(), right: canvas(), difference: canvas(), all: entries.map(canvas)};
SIDES.forEach(side => { canvases[side].id = `${side}-pixels`; });
canvases.difference.id = 'difference-pixels';

let fields = {left: null, right: null};
let drawing = false, again = false;

// Bring the screen to the state. Layers unpack while it waits; a change meanwhile starts it anew.
async function update() {
  controls();
  place();
  again = true;
  if (drawing) return;
  drawing = true;
  stage.setAttribute('aria-busy', 'true');
  try {
    while (again) {
      again = false;
      await draw();
    }
  } catch (error) {
    $('note').textContent = error.message;
  }
  drawing = false;
  stage.setAttribute('aria-busy', 'false');
  place();
}

async function draw() {
  const slots = SIDES.map(side => [canvases[side], side, state[side]]);
  if (state.view === 'all') slots.push(...entries.map((_, entry) => [canvases.all[entry], null, {entry, term: state.right.term}]));
  for (const [canvas, side, {entry, term}] of slots) {
    const found = await field(entries[entry], term);
    if (again) return;
    if (side) fields = {...fields, [side]: found};
    const scale = term === 'error' ? state.top : ['open', 'albedo'].includes(term) ? '' : `${state.exposure} ${state.curve}`;
    const key = `${entry} ${term} ${scale}`;
    if (canvas.dataset.shows !== key) paint(canvas, found, term);
    canvas.dataset.shows = key;
    name(canvas, `${entries[entry].label}: ${TERMS[term]}${found ? '' : ' (it has none)'}`);
  }
  if (state.view === 'difference') {
    const [l, r] = SIDES.map(side => `${state[side].entry} ${state[side].term}`), key = `${l} ${r} ${state.gain} ${state.signed}`;
    if (canvases.difference.dataset.shows !== key) paintDifference(canvases.difference, fields.left, fields.right);
    canvases.difference.dataset.shows = key;
    name(canvases.difference, `Difference of left and right, times ${state.gain}`);
  }
  const without = SIDES.filter(side => !fields[side] && state.view !== 'all').map(side => `${entries[state[side].entry].label} has no ${TERMS[state[side].term]}.`);
  $('note').textContent = [...new Set(without)].join(' ');
}

function name(canvas, text) {
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', text);
}

// ---- the stage -----------------------------------------------------------------------------------------------------------

let laid = '';

function lay() {
  if (laid === state.view) return;
  laid = state.view;
  const pane = (...children) => el('div.pane', {}, ...children, el('div.mark', {hidden: true}));
  const sheet = (side, ...more) => el(`div.sheet.${side}`, {}, canvases[side], ...more);
  const tag = side => el(`span.tag.${side}`, {});
  const made = {
    slider: () => [pane(sheet('left'), sheet('right'), tag('left'), tag('right'))],
    flip: () => [pane(sheet('left'), sheet('right'), tag('left'), tag('right'))],
    side: () => SIDES.map(side => pane(sheet(side), tag(side))),
    difference: () => [pane(el('div.sheet', {}, canvases.difference), tag('left'), tag('right'))],
    all: () => entries.map((entry, i) => pane(el('div.sheet', {}, canvases.all[i]), el('div.tag.entry', {}, choice(i), el('span', {}, entry.label)))),
  }[state.view]();
  panes.className = state.view;
  const box = stage.getBoundingClientRect(), count = made.length;
  let columns = 1, best = 0;
  for (let n = 1; n <= count; n++) {
    const rows = Math.ceil(count / n), scale = Math.min(box.width / n / W, box.height / rows / H);
    if (scale > best) [columns, best] = [n, scale];
  }
  if (state.view === 'side') columns = 2;
  panes.style.setProperty('--columns', columns);
  panes.style.setProperty('--rows', Math.ceil(count / columns));
  panes.replaceChildren(...made);
}

const fit = box => Math.min(box.width / W, box.height / H);
const mainBox = () => panes.firstElementChild.getBoundingClientRect();
const clamped = (value, low, high) => Math.min(Math.max(value, low), high);

// Screen pixels for one of the picture, and where its corner is: no further out than its edge, in the middle where it is smaller.
function view(box) {
  const scale = fit(box) * state.zoom;
  const corner = (middle, size, room) => size * scale <= room ? (room - size * scale) / 2 : clamped(room / 2 - middle * scale, room - size * scale, 0);
  return {scale, left: corner(state.x, W, box.width), top: corner(state.y, H, box.height)};
}

function place() {
  lay();
  const dots = window.devicePixelRatio || 1, hidden = state.view === 'flip' ? (flipped() ? 'right' : 'left') : null;
  let main;
  for (const pane of panes.children) {
    const box = pane.getBoundingClientRect(), {scale, left, top} = view(box);
    main ??= {box, scale, left, top};
    for (const canvas of pane.querySelectorAll('canvas')) {
      canvas.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
      canvas.style.imageRendering = scale * dots >= 2 || state.zoom > 1 ? 'pixelated' : 'auto';
    }
    for (const side of SIDES) {
      const sheet = pane.querySelector(`.sheet.${side}`), tag = pane.querySelector(`.tag.${side}`);
      if (sheet) sheet.style.visibility = hidden === side ? 'hidden' : 'visible';
      if (tag) {
        tag.textContent = `${entries[state[side].entry].label}${state[side].term === 'final' ? '' : ` \u00b7 ${TERMS[state[side].term]}`}`;
        tag.style.visibility = hidden === side ? 'hidden' : 'visible';
      }
    }
    const mark = pane.querySelector('.mark'), size = Math.max(scale, 5);
    mark.hidden = !state.loupe;
    mark.style.width = mark.style.height = `${size}px`;
    mark.style.transform = `translate(${left + (state.at[0] + 0.5) * scale - size / 2}px, ${top + (state.at[1] + 0.5) * scale - size / 2}px)`;
  }
  const divider = $('divider'), at = state.divider * main.box.width;
  divider.hidden = state.view !== 'slider';
  divider.style.transform = `translateX(${at}px)`;
  divider.setAttribute('aria-valuenow', Math.round(100 * state.divider));
  canvases.right.parentElement?.style.setProperty('clip-path', state.view === 'slider' ? `inset(0 0 0 ${at}px)` : 'none');
  panes.style.setProperty('--divider', `${at}px`);
  stage.classList.toggle('movable', state.zoom > 1);
  $('zoom').textContent = `${Math.round(100 * main.scale * dots)} %`;
  magnify();
}

const flipped = () => state.held !== state.phase;

function zoomTo(zoom, point) {
  const box = mainBox(), before = view(box), one = fit(box);
  const to = clamped(zoom, Math.min(1, 1 / (one * (window.devicePixelRatio || 1))), Math.max(CLOSEST / one, 1));
  const [px, py] = point ?? [box.width / 2, box.height / 2];
  const ix = (px - before.left) / before.scale, iy = (py - before.top) / before.scale;  // stays where it is
  state.zoom = to;
  [state.x, state.y] = [ix + (box.width / 2 - px) / (one * to), iy + (box.height / 2 - py) / (one * to)];
  settle();
  place();
}

// Where the picture cannot be moved to, the state does not go either: dragging back answers at once.
function settle() {
  const box = mainBox(), scale = fit(box) * state.zoom;
  const middle = (value, size, room) => size * scale <= room ? size / 2 : clamped(value, room / 2 / scale, size - room / 2 / scale);
  [state.x, state.y] = [middle(state.x, W, box.width), middle(state.y, H, box.height)];
}

const paneAt = event => event.target.closest('.pane') ?? panes.firstElementChild;

function pixelAt(event) {
  const box = paneAt(event).getBoundingClientRect(), {scale, left, top} = view(box);
  return [(event.clientX - box.left - left) / scale, (event.clientY - box.top - top) / scale].map(Math.floor);
}

const inside = ([x, y]) => x >= 0 && x < W && y >= 0 && y < H;

let drag = null;

stage.addEventListener('pointerdown', event => {
  if (event.button !== 0 || event.target.closest('button, #loupe')) return;
  const what = event.target.closest('#divider') ? 'divider' : 'picture';
  drag = {what, x: event.clientX, y: event.clientY, from: [state.x, state.y], moved: false};
  stage.setPointerCapture(event.pointerId);
  (what === 'divider' ? $('divider') : stage).focus({preventScroll: true});
  event.preventDefault();
});

stage.addEventListener('pointermove', event => {
  if (drag) {
    drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 3;
    if (drag.what === 'divider') {
      const box = mainBox();
      state.divider = clamped((event.clientX - box.left) / box.width, 0, 1);
    } else if (drag.moved) {
      const {scale} = view(mainBox());
      [state.x, state.y] = [drag.from[0] - (event.clientX - drag.x) / scale, drag.from[1] - (event.clientY - drag.y) / scale];
      settle();
    }
    place();
  } else if (state.loupe && !state.pinned && event.target.closest('.pane')) {
    const at = pixelAt(event);
    if (inside(at)) {
      state.at = at;
      place();
    }
  }
});

stage.addEventListener('pointerup', event => {
  if (drag && !drag.moved && drag.what === 'picture') {
    const under = document.elementsFromPoint(event.clientX, event.clientY).find(found => found.closest('.pane'));  // the pointer is captured: its target is the stage
    const at = under && pixelAt({target: under, clientX: event.clientX, clientY: event.clientY});
    if (at && inside(at)) {
      const same = state.loupe && state.pinned && at[0] === state.at[0] && at[1] === state.at[1];
      Object.assign(state, {loupe: true, pinned: !same, at});
      update();
    }
  }
  drag = null;
});
stage.addEventListener('pointercancel', () => { drag = null; });
stage.addEventListener('dblclick', event => event.preventDefault());

stage.addEventListener('wheel', event => {
  if (event.ctrlKey && !event.deltaY) return;
  if (state.zoom <= 1 && event.deltaY > 0) return;  // all of it is seen: the page scrolls on
  event.preventDefault();
  const box = paneAt(event).getBoundingClientRect();
  const step = event.deltaMode ? event.deltaY * 30 : event.deltaY;
  const zoom = state.zoom * 2 ** (-step / 240);
  zoomTo(state.zoom > 1 ? Math.max(zoom, 1) : zoom, [event.clientX - box.left, event.clientY - box.top]);
}, {passive: false});

new ResizeObserver(() => { laid = ''; settle(); place(); }).observe(stage);

// ---- the loupe -----------------------------------------------------------------------------------------------------------

function values(found) {
  const n = W * H, i = state.at[1] * W + state.at[0];
  return found ? [...Array(found.channels).keys()].map(c => found.data[c * n + i]) : [];
}

function magnify() {
  const loupe = $('loupe');
  loupe.hidden = !state.loupe;
  if (!state.loupe) return;
  const [x, y] = state.at, half = (LOUPE - 1) / 2, size = LOUPE * LOUPE_SCALE;
  if (!loupe.firstChild) {
    const glass = side => el(`figure.${side}`, {}, el('canvas', {width: size, height: size, id: `loupe-${side}`}), el('figcaption', {}));
    loupe.append(el('div.glasses', {}, ...SIDES.map(glass)), el('table', {id: 'loupe-values'}), el('p', {id: 'loupe-place'}));
  }
  for (const side of SIDES) {
    const context = $(`loupe-${side}`).getContext('2d'), at = half * LOUPE_SCALE;
    context.imageSmoothingEnabled = false;
    context.fillStyle = '#808080';
    context.fillRect(0, 0, size, size);
    context.drawImage(canvases[side], x - half, y - half, LOUPE, LOUPE, 0, 0, size, size);
    context.strokeStyle = '#000';
    context.strokeRect(at - 0.5, at - 0.5, LOUPE_SCALE + 1, LOUPE_SCALE + 1);
    context.strokeStyle = '#fff';
    context.strokeRect(at - 1.5, at - 1.5, LOUPE_SCALE + 3, LOUPE_SCALE + 3);
    loupe.querySelector(`figure.${side} figcaption`).textContent = TERMS[state[side].term];
  }
  const [l, r] = SIDES.map(side => values(fields[side])), rows = Math.max(l.length, r.length);
  const names = rows === 1 ? [''] : ['R', 'G', 'B'];
  const cell = (list, c) => list.length ? told(digits(list[list.length === 1 ? 0 : c])) : '\u2013';
  const apart = c => l.length && r.length ? told(signed(r[r.length === 1 ? 0 : c] - l[l.length === 1 ? 0 : c])) : '\u2013';
  $('loupe-values').replaceChildren(
    el('tr', {}, el('th'), el('th.left', {}, 'left'), el('th.right', {}, 'right'), el('th', {}, 'right \u2212 left')),
    ...names.slice(0, rows).map((name, c) => el('tr', {}, el('th', {}, name), el('td', {}, cell(l, c)), el('td', {}, cell(r, c)), el('td', {}, apart(c)))),
  );
  $('loupe-place').textContent = `x ${x}, y ${y} from the top left${state.pinned ? ' \u00b7 pinned' : ''}`;
  // Beside the pixel, on the side where there is more room
  const box = stage.getBoundingClientRect(), pane = mainBox(), {scale, left, top} = view(pane);
  const px = pane.left - box.left + left + (x + 0.5) * scale, py = pane.top - box.top + top + (y + 0.5) * scale;
  const {offsetWidth: w, offsetHeight: h} = loupe, gap = 28 + scale / 2;
  const at = [px + gap + w <= box.width || px < box.width / 2 ? px + gap : px - gap - w, py + gap + h <= box.height || py < box.height / 2 ? py + gap : py - gap - h];
  loupe.style.transform = `translate(${clamped(at[0], 4, Math.max(4, box.width - w - 4))}px, ${clamped(at[1], 4, Math.max(4, box.height - h - 4))}px)`;
}

// The loupe by keyboard; the picture comes along where it would leave the pane.
function moveLoupe(dx, dy) {
  if (state.loupe) state.at = [clamped(state.at[0] + dx, 0, W - 1), clamped(state.at[1] + dy, 0, H - 1)];
  Object.assign(state, {loupe: true, pinned: true});
  const box = mainBox(), half = [box.width, box.height].map(room => room / 2 / (fit(box) * state.zoom));
  state.x = clamped(state.x, state.at[0] + 1 - half[0], state.at[0] + half[0]);
  state.y = clamped(state.y, state.at[1] + 1 - half[1], state.at[1] + half[1]);
  settle();
  update();
}

// ---- controls ------------------------------------------------------------------------------------------------------------

function segments(parent, group, choices, choose) {
  for (const [value, label] of Object.entries(choices)) {
    const input = el('input', {type: 'radio', name: group, value, onchange: () => choose(value)});
    parent.append(el('label', {}, input, el('span', {}, label)));
  }
}

// Two small switches: show this entry on the left, on the right.
function choice(entry) {
  const button = side => el(`button.pick.${side}`, {
    type: 'button', title: `Show ${entries[entry].label} on the ${side}`, 'aria-label': `Show ${entries[entry].label} on the ${side}`,
    'aria-pressed': String(state[side].entry === entry), onclick: () => pick(side, entry),
  }, side === 'left' ? 'L' : 'R');
  const both = el('span.picks', {}, ...SIDES.map(button));
  both.dataset.entry = entry;
  return both;
}

function pick(side, entry) {
  if (!(entry in entries)) return;
  state[side] = {...state[side], entry};
  update();
}

function show(side, term) {
  for (const each of $('linked').checked ? SIDES : [side]) state[each] = {...state[each], term};
  update();
}

const set = changes => { Object.assign(state, changes); update(); };
const stops = value => told(`${value < 0 ? '' : '+'}${value.toFixed(1)} EV`);

function controls() {
  for (const side of SIDES) {
    $(`${side}-entry`).value = state[side].entry;
    $(`${side}-term`).value = state[side].term;
    for (const option of $(`${side}-term`).options) option.disabled = !hasTerm(entries[state[side].entry], option.value);
  }
  for (const both of document.querySelectorAll('.picks')) {
    for (const [i, side] of SIDES.entries()) both.children[i].setAttribute('aria-pressed', String(state[side].entry === Number(both.dataset.entry)));
  }
  for (const input of document.querySelectorAll('input[name=view]')) input.checked = input.value === state.view;
  for (const input of document.querySelectorAll('input[name=gain]')) input.checked = Number(input.value) === state.gain;
  const maps = SIDES.some(side => state[side].term === 'error' && (state.view !== 'all' || side === 'right'));
  $('flip-controls').hidden = state.view !== 'flip';
  $('difference-controls').hidden = state.view !== 'difference';
  $('error-controls').hidden = !maps;
  $('signed').checked = state.signed;
  $('exposure').value = state.exposure;
  $('exposure-value').textContent = stops(state.exposure);
  $('curve').value = state.curve;
  $('top').value = Math.log10(state.top);
  $('top-value').textContent = `${digits(state.top)} radiance`;
  $('loupe-switch').setAttribute('aria-pressed', String(state.loupe));
  $('caption').textContent = caption();
}

function caption() {
  const shown = new Set(state.view === 'all' ? [state.right.term] : SIDES.map(side => state[side].term)), said = [];
  if (state.view === 'difference') {
    said.push(state.signed
      ? `Grey plus the difference right \u2212 left, times ${state.gain}, of linear values: brighter than grey where the right has more.`
      : `|left \u2212 right| times ${state.gain}, of linear values, in the sRGB curve; no exposure, no tone curve. Black is equal.`);
    return said.join(' ');
  }
  if (['final', 'unoccluded', 'direct', 'bounce'].some(term => shown.has(term))) said.push(`Light at ${stops(state.exposure)} in the tone curve ${CURVES[state.curve] ?? state.curve}, sRGB.`);
  if (['unoccluded', 'direct', 'bounce'].some(term => shown.has(term))) said.push('Light that arrives is irradiance over \u03c0: the radiance of a white surface.');
  if (shown.has('albedo')) said.push('Albedo as it is, in the sRGB curve.');
  if (shown.has('open')) said.push('Open share: black 0, white 1, straight between.');
  if (shown.has('error')) said.push('Error: at each pixel the root of the mean squared difference of red, green and blue to the truth, in units of radiance.');
  return said.join(' ');
}

// After a control was used with the mouse, keys are for the picture again.
let pressed = false;
document.addEventListener('pointerdown', event => { pressed = !!event.target.closest('#look :is(select, label, button)'); }, true);
document.addEventListener('keydown', () => { pressed = false; }, true);
for (const kind of ['change', 'click']) {
  $('look').addEventListener(kind, event => { if (pressed && (kind === 'change' || event.target.matches('button'))) stage.focus({preventScroll: true}); });
}

for (const side of SIDES) {
  entries.forEach((entry, i) => $(`${side}-entry`).append(el('option', {value: i}, i < 9 ? `${i + 1}  ${entry.label}` : entry.label)));
  terms.forEach(term => $(`${side}-term`).append(el('option', {value: term}, TERMS[term])));
  $(`${side}-entry`).onchange = event => pick(side, Number(event.target.value));
  $(`${side}-term`).onchange = event => show(side, event.target.value);
}
segments($('views'), 'view', VIEWS, value => set({view: value}));
segments($('gains'), 'gain', Object.fromEntries(GAINS.map(gain => [gain, `\u00d7${gain}`])), value => set({gain: Number(value)}));
Object.entries(CURVES).forEach(([value, label]) => $('curve').append(el('option', {value}, label)));
$('curve').onchange = event => set({curve: event.target.value});
$('signed').onchange = event => set({signed: event.target.checked});
[$('exposure').min, $('exposure').max] = [Math.min(-8, study.display.exposure), Math.max(8, study.display.exposure)];
$('exposure').oninput = event => set({exposure: Number(event.target.value)});
$('exposure').ondblclick = () => set({exposure: study.display.exposure});
$('top').oninput = event => set({top: Number((10 ** event.target.value).toPrecision(2))});
const swap = () => set({left: state.right, right: state.left});
$('swap').onclick = swap;
$('fit').onclick = () => zoomTo(1);
const oneToOne = () => zoomTo(1 / (fit(mainBox()) * (window.devicePixelRatio || 1)));
$('one').onclick = oneToOne;
const switchLoupe = () => set({loupe: !state.loupe, pinned: false});
$('loupe-switch').onclick = switchLoupe;
const hold = held => { if (state.held !== held) { state.held = held; place(); } };
$('hold').onpointerdown = () => hold(true);
for (const kind of ['pointerup', 'pointercancel', 'blur']) window.addEventListener(kind, () => hold(false));
$('hold').onkeydown = event => { if (event.key === 'Enter') hold(true); };
let clock = 0;
function byItself(on) {
  $('auto').checked = on;
  clearInterval(clock);
  clock = on ? setInterval(() => { if (state.view === 'flip') set({phase: !state.phase}); }, 500) : 0;
  set({phase: false});
}
$('auto').onchange = event => byItself(event.target.checked);
const scaleContext = $('scale').getContext('2d'), scaleColours = scaleContext.createImageData(256, 1);
for (let i = 0; i < 256; i++) scaleColours.data.set([...falseColour(i / 255, 1), 255], 4 * i);
scaleContext.putImageData(scaleColours, 0, 0);

// ---- keys ----------------------------------------------------------------------------------------------------------------

const next = (list, value, step) => list[(list.indexOf(value) + step + list.length) % list.length];
const moveDivider = by => set({divider: clamped(state.divider + by, 0, 1)});
const KEYS = [
  ['1 \u2026 9', 'that entry on the right; with Shift on the left'],
  ['T', 'the next part of the light on both sides; with Shift the one before', {t: back => { const term = next(terms, state.right.term, back); set(Object.fromEntries(SIDES.map(side => [side, {...state[side], term}]))); }}],
  ['X', 'swap the sides', {x: swap}],
  ['V', 'the next view; with Shift the one before', {v: back => set({view: next(Object.keys(VIEWS), state.view, back)})}],
  ['\u2190 \u2192', 'move the divider'],
  ['F or Space', 'flip: while held, the left picture', {f: () => { if (state.view !== 'flip') set({view: 'flip'}); hold(true); }}],
  ['A', 'flip by itself, once a second', {a: () => { if (state.view !== 'flip') set({view: 'flip'}); byItself(!clock); }}],
  ['D', 'the difference; again: the next gain; with Shift signed or not', {d: back => set(state.view !== 'difference' ? {view: 'difference'} : back < 0 ? {signed: !state.signed} : {gain: next(GAINS, state.gain, 1)})}],
  ['E', 'a third of a stop brighter; with Shift darker', {e: back => set({exposure: clamped(state.exposure + back / 3, Number($('exposure').min), Number($('exposure').max))})}],
  ['L', 'the loupe; a click pins it to a pixel, another there frees it', {l: switchLoupe}],
  ['Shift+arrows', 'move the loupe by a pixel'],
  ['+ \u2212', 'nearer, farther; as does the wheel', {'+': () => zoomTo(state.zoom * 1.5), '=': () => zoomTo(state.zoom * 1.5), '-': () => zoomTo(Math.max(state.zoom / 1.5, Math.min(state.zoom, 1)))}],
  ['0', 'fit: all of the picture', {0: () => zoomTo(1)}],
  ['Z', 'one pixel of the picture on one of the screen', {z: oneToOne}],
  ['?', 'this list', {'?': () => $('help').showModal()}],
  ['Esc', 'close this list, or the loupe', {Escape: () => set({loupe: false})}],
];
const actions = Object.assign({}, ...KEYS.map(([, , does]) => does ?? {}));
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
  const letter = event.key.length === 1 && event.key !== ' ', typing = event.target.matches('select') || event.target.matches('input') && !letter, button = event.target.closest('button, summary, a'), onStage = stage.contains(event.target);
  if (typing && event.key !== '?') return;
  const digit = /^(Digit|Numpad)([1-9])$/.exec(event.code), arrow = ARROWS[event.key];
  let done = true;
  if (digit) pick(event.shiftKey ? 'left' : 'right', Number(digit[2]) - 1);
  else if (arrow && event.shiftKey) moveLoupe(...arrow);
  else if (arrow && arrow[0] && state.view === 'slider') moveDivider(arrow[0] / 100);
  else if (event.target.id === 'divider' && ['Home', 'End', 'PageUp', 'PageDown'].includes(event.key)) moveDivider({Home: -1, End: 1, PageUp: 0.1, PageDown: -0.1}[event.key]);
  else if (event.key === ' ' && !button && onStage && state.view === 'flip') hold(true);
  else if (event.key === ' ' && event.target.id === 'hold') hold(true);
  else {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, action = actions[key];
    if (action && !(event.repeat && key === 'a')) action(event.shiftKey ? -1 : 1);
    done = !!action;
  }
  if (done) event.preventDefault();
});
document.addEventListener('keyup', event => { if (['f', 'F', ' ', 'Enter'].includes(event.key)) hold(false); });
$('help-switch').onclick = () => $('help').showModal();
$('help').addEventListener('click', event => { if (event.target === $('help')) $('help').close(); });
$('keys').append(...KEYS.map(([keys, does]) => el('tr', {}, el('th', {scope: 'row'}, el('kbd', {}, keys)), el('td', {}, does))));

// ---- the text ------------------------------------------------------------------------------------------------------------

const NONE = '\u2013', INFINITE = '\u221e';
const text = value => typeof value === 'boolean' ? (value ? 'on' : 'off') : Array.isArray(value) ? value.map(text).join(', ') : typeof value === 'number' ? told(Number(value.toPrecision(6))) : String(value ?? 'auto');
const head = (label, given = {}) => el('th', {scope: 'col', ...given}, label);
const rowHead = i => el('th', {scope: 'row'}, el('div.entry', {}, choice(i), el('span', {}, entries[i].label)));
const scroll = table => el('div.scroll', {tabIndex: 0, role: 'region', 'aria-label': 'Table'}, table);
const listed = entry => entries.indexOf(entry);

function heading() {
  const others = entries.filter(entry => entry !== truth).length;
  $('title').textContent = study.title;
  $('lead').textContent = truth
    ? `One picture lit ${others === 1 ? 'one way' : `${others} ways`}, pixel for pixel, and how far ${others === 1 ? 'that' : 'each'} is from the truth: ${study.truth.label}.`
    : `One picture lit ${others === 1 ? 'one way' : `${others} ways`}, pixel for pixel.`;
  $('facts').textContent = [`${W} \u00d7 ${H} pixels`, study.renderer, `ssdo ${study.version}`, study.made].filter(Boolean).join(' \u00b7 ');
}

// The best of a column: nearest to 0, or highest. Nothing is best among one.
function best(name, list) {
  const better = metrics[name]?.better ?? 'lower';
  const rank = value => better === 'higher' ? -(value ?? Infinity) : Math.abs(value ?? Infinity);
  const ranks = list.filter(entry => name in entry.error).map(entry => rank(entry.error[name]));
  const least = Math.min(...ranks);
  return entry => ranks.length > 1 && name in entry.error && rank(entry.error[name]) === least;
}

function errorText(name, error) {
  if (!(name in error)) return NONE;
  if (error[name] === null) return INFINITE;
  if (name === 'psnr') return told(error[name].toFixed(1));
  return told(name === 'bias' ? signed(error[name]) : digits(error[name]));
}

function errorSection() {
  const section = $('error');
  section.append(el('h2', {}, 'Error against the truth'));
  if (!measured.length) return section.append(el('p', {}, truth ? 'Nothing was measured.' : 'There is no truth in this comparison, so nothing to measure against.'));
  const names = [...new Set([...Object.keys(metrics), ...measured.flatMap(entry => Object.keys(entry.error))])].filter(name => measured.some(entry => name in entry.error));
  const ways = {lower: 'lower is better', higher: 'higher is better', zero: 'nearest to 0 is best'};
  const bests = Object.fromEntries(names.map(name => [name, best(name, measured)]));
  const help = name => metrics[name] ? `${metrics[name].help}` : '';
  const header = name => head(el('abbr', {title: help(name)}, metrics[name]?.label ?? name), {className: 'number'});
  const way = name => el('td.way', {}, {lower: '\u2193', higher: '\u2191', zero: '\u2192 0'}[metrics[name]?.better ?? 'lower'], el('span.unseen', {}, ways[metrics[name]?.better ?? 'lower']));
  const cell = (name, entry) => bests[name](entry)
    ? el('td.number.best', {title: 'the best of this column'}, errorText(name, entry.error), el('span.unseen', {}, ' (best)'))
    : el('td.number', {}, errorText(name, entry.error));
  section.append(
    el('p', {}, 'Of linear radiance, but for SSIM and FLIP, which ask what a viewer sees. \u2193 lower is better, \u2191 higher is better; the best of each column is marked. Hover a name for what it is, or read on below.'),
    scroll(el('table.errors', {},
      el('thead', {}, el('tr', {}, head('entry'), ...names.map(header)), el('tr.ways', {}, el('td'), ...names.map(way))),
      el('tbody', {}, ...measured.map(entry => el('tr', {}, rowHead(listed(entry)), ...names.map(name => cell(name, entry)))),
        truth && el('tr.truth', {}, rowHead(listed(truth)), el('td', {colSpan: names.length}, 'the truth'))),
    )),
  );
  if (study.truth && typeof study.truth.noise === 'number') {
    section.append(el('p.small', {}, `The truth has noise of its own, RMSE ${digits(study.truth.noise)}. It is taken out of the RMSE and of its parts below; the other columns and the error map hold it.`));
  }
  if (study.truth?.file) section.append(el('p.small', {}, 'The truth is a picture from a file; how much noise it has is not known.'));
  section.append(el('details', {}, el('summary', {}, 'What the columns mean'),
    el('dl', {}, ...names.filter(help).flatMap(name => [el('dt', {}, metrics[name].label), el('dd', {}, help(name))]))));
}

const PARTS = {
  'sampling': 'The noise of few samples before the blur: against the same technique with very many.',
  'sampling after blur': 'What of it is left once the blur has averaged neighbours, and what the blur has smeared.',
  'blur': 'What the blur does to a picture without noise: detail that it smears.',
  'screen space': 'What no number of samples cures: surfaces the camera does not see, the radius, the steps.',
};

function partsSection() {
  const list = entries.filter(entry => entry.parts), section = $('parts');
  if (!list.length) return section.remove();
  const names = [...new Set(list.flatMap(entry => Object.keys(entry.parts)))], most = Math.max(...list.flatMap(entry => Object.values(entry.parts)));
  const cell = value => {
    if (typeof value !== 'number') return el('td.number', {}, NONE);
    const bar = el('span.rod', {'aria-hidden': 'true'});
    bar.style.width = `${most ? 100 * value / most : 0}%`;
    return el('td.part', {}, el('span', {}, told(digits(value))), bar);
  };
  section.append(
    el('h2', {}, 'What the error is made of'),
    el('p', {}, 'Each is an RMSE of its own. More samples help where \u201csampling after blur\u201d is well above \u201cblur\u201d, a smaller blur where the two are alike, and neither where \u201cscreen space\u201d leads. They do not add up to the error: the blur takes from the noise and adds its own, and errors of opposite sign cancel.'),
    scroll(el('table.parts', {},
      el('thead', {}, el('tr', {}, head('entry'), ...names.map(name => head(PARTS[name] ? el('abbr', {title: PARTS[name]}, name) : name)))),
      el('tbody', {}, ...list.map(entry => el('tr', {}, rowHead(listed(entry)), ...names.map(name => cell(entry.parts[name]))))),
    )),
    el('details', {}, el('summary', {}, 'What the columns mean'), el('dl', {}, ...names.filter(name => PARTS[name]).flatMap(name => [el('dt', {}, name), el('dd', {}, PARTS[name])]))),
  );
}

// ---- the chart -----------------------------------------------------------------------------------------------------------

// Entries that differ in their samples only, fewest first.
function sweeps() {
  const groups = new Map();
  for (const entry of measured) {
    const rest = Object.entries(entry.settings ?? {}).filter(([key]) => key !== `${entry.technique}.samples`).sort();
    const key = JSON.stringify([entry.technique, rest]);
    groups.set(key, [...groups.get(key) ?? [], entry]);
  }
  return [...groups.values()].map(group => group.sort((a, b) => (samples(a) ?? 0) - (samples(b) ?? 0)));
}

function groupName(group, groups) {
  const {technique, settings} = group[0], others = groups.filter(other => other !== group && other[0].technique === technique);
  const unlike = Object.keys(settings ?? {}).filter(key => key !== `${technique}.samples` && others.some(other => text(other[0].settings[key]) !== text(settings[key])));
  return [technique.toUpperCase(), ...unlike.map(key => `${key.split('.').at(-1)} ${text(settings[key])}`)].join(', ');
}

function chartSection() {
  const section = $('chart'), groups = sweeps();
  if (!groups.some(group => group.length > 1 && samples(group[0]))) return section.remove();
  const xs = {samples: 'samples', ...entries.some(entry => entry.cost) ? {cost: 'cost'} : {}};
  const ys = Object.keys(metrics).filter(name => metrics[name].better === 'lower' && measured.filter(entry => entry.error[name] > 0).length > 1);
  if (!ys.length) return section.remove();
  const chosen = {x: 'samples', y: ys[0]}, place = el('div.plot');
  const draw = () => place.replaceChildren(plot(groups, chosen));
  const over = el('fieldset.segments', {}, el('legend', {}, 'Over')), of = el('fieldset.segments', {}, el('legend', {}, 'Error'));
  segments(over, 'chart-x', xs, value => { chosen.x = value; draw(); });
  segments(of, 'chart-y', Object.fromEntries(ys.map(name => [name, metrics[name].label])), value => { chosen.y = value; draw(); });
  section.append(el('h2', {}, 'What more samples buy'), el('div.bar', {}, of, over), place);
  for (const fieldset of [over, of]) fieldset.querySelector('input').checked = true;
  draw();
}

function svg(tag, given = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// 1, 2, 5 in each decade; in a narrow range every digit.
function ticks(low, high) {
  const found = [];
  for (const steps of [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    found.length = 0;
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) for (const s of steps) found.push(Number((s * 10 ** e).toPrecision(2)));
    const within = found.filter(tick => tick >= low * 0.999 && tick <= high * 1.001);
    if (within.length >= 3 || steps.length > 3) return within;
  }
}

function plot(groups, {x, y}) {
  const width = 760, height = 380, left = 64, right = 170, top = 16, bottom = 46;
  const xOf = entry => x === 'cost' ? entry.cost?.total : samples(entry), yOf = entry => entry.error[y];
  const shown = groups.map(group => group.filter(entry => xOf(entry) > 0 && yOf(entry) > 0));
  const flat = x === 'samples' ? groups.map(group => group.filter(entry => !samples(entry) && yOf(entry) > 0)) : [];  // as lines: they take no samples
  const all = shown.flat(), heights = [...all, ...flat.flat()].map(yOf);
  if (!all.length) return el('p', {}, 'No cost was measured.');
  const range = (list, least) => {
    const [low, high] = [Math.min(...list), Math.max(...list)], pad = Math.max((high / low) ** 0.08, Math.sqrt(Math.max(1, least / (high / low))));
    return [low / pad, high * pad];
  };
  const [x0, x1] = range(all.map(xOf), 2), [y0, y1] = range(heights, 2);
  const px = value => left + (width - left - right) * Math.log(value / x0) / Math.log(x1 / x0);
  const py = value => height - bottom - (height - top - bottom) * Math.log(value / y0) / Math.log(y1 / y0);
  const write = (at, text, given = {}) => svg('text', {x: at[0], y: at[1], ...given}, text);
  const xTicks = x === 'samples' ? [...new Set(all.map(xOf))].sort((a, b) => a - b) : ticks(x0, x1);
  const picture = svg('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${metrics[y].label} over ${x === 'cost' ? 'cost in milliseconds' : 'samples'}, both axes logarithmic; the numbers stand in the tables`});
  for (const tick of xTicks) picture.append(svg('line', {x1: px(tick), x2: px(tick), y1: top, y2: height - bottom, class: 'grid'}), write([px(tick), height - bottom + 18], digitsShort(tick), {'text-anchor': 'middle'}));
  for (const tick of ticks(y0, y1)) picture.append(svg('line', {x1: left, x2: width - right, y1: py(tick), y2: py(tick), class: 'grid'}), write([left - 8, py(tick) + 4], digitsShort(tick), {'text-anchor': 'end'}));
  picture.append(
    write([(left + width - right) / 2, height - 6], x === 'cost' ? 'ms (logarithmic)' : 'samples (logarithmic)', {'text-anchor': 'middle', class: 'axis'}),
    write([left - 8, 10], metrics[y].label, {'text-anchor': 'end', class: 'axis'}),
  );
  const labels = [];
  groups.forEach((_, i) => {
    const series = svg('g', {class: `series s${i % 6}`}), line = shown[i], level = flat[i]?.[0];
    if (level) {
      series.append(svg('line', {x1: left, x2: width - right, y1: py(yOf(level)), y2: py(yOf(level)), class: 'level'}));
      labels.push({at: py(yOf(level)), x: width - right, i});
    }
    if (line.length) {
      series.append(svg('polyline', {points: line.map(entry => `${px(xOf(entry)).toFixed(1)},${py(yOf(entry)).toFixed(1)}`).join(' ')}));
      for (const entry of line) series.append(svg('path', {d: SHAPES[i % SHAPES.length], transform: `translate(${px(xOf(entry)).toFixed(1)} ${py(yOf(entry)).toFixed(1)})`}, svg('title', {}, `${entry.label}: ${metrics[y].label} ${digits(yOf(entry))}${entry.cost ? `, ${digits(entry.cost.total)} ms` : ''}`)));
      labels.push({at: py(yOf(line.at(-1))), x: px(xOf(line.at(-1))), i});
    }
    picture.append(series);
  });
  labels.sort((a, b) => a.at - b.at).forEach((label, k) => { if (k) label.at = Math.max(label.at, labels[k - 1].at + 15); });
  for (const {at, x: from, i} of labels) picture.append(write([from + 10, at + 4], groupName(groups[i], groups), {class: `label s${i % 6}`}));
  return picture;
}

const digitsShort = value => value >= 1e-4 && value < 1e6 ? String(Number(value.toPrecision(3))) : value.toExponential(0);
const SHAPES = ['M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0', 'M-3.5-3.5h7v7h-7z', 'M0-5l5 5l-5 5l-5-5z', 'M0-5l5 8.5h-10z'];

// ---- cost, settings, how to repeat ---------------------------------------------------------------------------------------

function costSection() {
  const list = entries.filter(entry => entry.cost), section = $('cost');
  if (!list.length) return section.remove();
  const passes = [...new Set(list.flatMap(entry => Object.keys(entry.cost.passes ?? {})))], most = Math.max(...list.map(entry => entry.cost.total));
  const cell = value => {
    if (typeof value !== 'number') return el('td.number.none', {}, NONE);
    const made = el('td.number.heat', {}, digits(value));
    made.style.setProperty('--share', `${Math.round(30 * value / (most || 1))}%`);
    return made;
  };
  const by = {'wall clock': 'by the wall clock, as a software renderer answers no timer query of use', 'GPU timer': 'by the GPU\u2019s own timer'};
  section.append(
    el('h2', {}, 'Cost'),
    el('p', {}, `Milliseconds for one frame on ${study.renderer}, ${by[study.timer] ?? study.timer}. Another device has other figures, and another order of them.`),
    scroll(el('table.costs', {},
      el('thead', {}, el('tr', {}, head('entry'), head('total', {className: 'number'}), ...passes.map(pass => head(pass, {className: 'number pass'})))),
      el('tbody', {}, ...list.map(entry => el('tr', {}, rowHead(listed(entry)), el('td.number.total', {}, digits(entry.cost.total)), ...passes.map(pass => cell(entry.cost.passes?.[pass]))))),
    )),
  );
}

function settingsSection() {
  const section = $('settings'), own = [...new Set(entries.flatMap(entry => Object.keys(entry.settings ?? {})))];
  const of = (entry, key) => entry.settings && key in entry.settings ? text(entry.settings[key]) : null;
  const unlike = key => new Set(entries.map(entry => of(entry, key)).filter(value => value !== null)).size > 1;
  const common = Object.entries(study.settings ?? {}).filter(([key]) => !own.includes(key));
  section.append(el('h2', {}, 'Settings'));
  if (own.length) {
    section.append(el('details', {open: own.length < 8}, el('summary', {}, 'What each entry has of its own'),
      scroll(el('table.settings', {},
        el('thead', {}, el('tr', {}, head('parameter'), ...entries.map(entry => head(entry.id)))),
        el('tbody', {}, ...own.map(key => el(unlike(key) ? 'tr.unlike' : 'tr', {}, el('th', {scope: 'row'}, el('code', {}, key)),
          ...entries.map(entry => el('td', {}, of(entry, key) ?? (key in (study.settings ?? {}) ? text(study.settings[key]) : el('span.none', {}, NONE))))))),
      )),
      el('p.small', {}, 'Rows in which entries differ are marked.')));
  }
  section.append(el('details', {}, el('summary', {}, `What all have in common (${common.length})`),
    scroll(el('table.settings', {}, el('tbody', {}, ...common.map(([key, value]) => el('tr', {}, el('th', {scope: 'row'}, el('code', {}, key)), el('td', {}, text(value)))))))));
}

function repeatSection() {
  const section = $('repeat'), code = el('code', {}, study.command), copy = el('button', {type: 'button'}, 'Copy');
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(study.command);
      copy.textContent = 'Copied';
    } catch {  // not allowed here: marked, for Ctrl+C
      getSelection().selectAllChildren(code);
      copy.textContent = 'Marked';
    }
    setTimeout(() => { copy.textContent = 'Copy'; }, 1500);
  };
  section.append(el('h2', {}, 'Repeat it'), el('div.command', {}, el('pre', {tabIndex: 0}, code), copy));
  const files = entries.filter(entry => Object.keys(entry.files ?? {}).length);
  if (files.length) {
    const link = ([kind, file]) => el('a', {href: encodeURI(file).replace(/^(?=[^/]*:)/, './')}, kind.toUpperCase());
    section.append(el('details', {}, el('summary', {}, 'Files written beside this page'), el('ul.files', {}, ...files.map(entry => el('li', {}, entry.label, ' ', ...Object.entries(entry.files).flatMap(file => [' ', link(file)]))))));
  }
  const within = (entry, term) => entry?.layers[term] ? `1 in ${(2 ** (layers[entry.layers[term]].bits + 1)).toLocaleString('en')}` : null;
  const precision = [['the final picture', within(entries[0], 'final')], ['its parts', within(entries[0], 'direct')]].filter(([, share]) => share);
  section.append(el('p.small', {}, `Pixels are kept here with rounded numbers: ${precision.map(([what, share]) => `${what} to ${share}`).join(', ')}. The tables were computed before the rounding.`));
}

heading();
errorSection();
partsSection();
chartSection();
costSection();
settingsSection();
repeatSection();
update();
})();
