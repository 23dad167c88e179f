// The comparison page: images, their differences and the numbers about them.
// page.py embeds it together with the comparison (JSON) and the packed pixels. It needs no network.
'use strict';
(() => {
  const byId = id => document.getElementById(id);
  const {
    comparison,
    layers,
    metrics,
    inferno,
    sample_params: sampleParams,
    error_max: initialErrorMax,
  } = JSON.parse(byId('data').textContent);
  const {width: WIDTH, height: HEIGHT, entries} = comparison;
  const PIXEL_COUNT = WIDTH * HEIGHT;
  const reference = entries.find(entry => comparison.reference && entry.id === comparison.reference.entry);
  const entriesWithErrors = entries.filter(entry => entry.errors);

  const COMPONENTS = {
    albedo: 'albedo',
    unoccluded: 'unoccluded light',
    visibility: 'ambient visibility',
    direct: 'direct light',
    indirect: 'indirect light',
    final: 'final image',
    error: 'error',
  };
  const VIEWS = {slider: 'Slider', flip: 'Flip', side: 'Side by side', difference: 'Difference', all: 'All'};
  const GAINS = [1, 10, 100];
  const TONE_MAPPERS = {neutral: 'PBR neutral', aces: 'ACES', reinhard: 'Reinhard', none: 'none (clipped)'};
  const SIDES = ['left', 'right'];
  const LOUPE_PIXELS = 11; // image pixels across the loupe
  const LOUPE_SCALE = 11; // screen pixels per image pixel in the loupe
  const MAX_SCALE = 48; // screen pixels per image pixel in the main view
  const NO_VALUE = '\u2013';

  // Creates an element: createElement('td.number', {title: 'help'}, child, ...); the properties may be left out.
  // Properties that do not exist become attributes, strings become text nodes: nothing is parsed as markup.
  function createElement(tag, ...content) {
    const hasProperties = content[0] instanceof Object && !(content[0] instanceof Node);
    const properties = hasProperties ? content.shift() : {};
    const [name, ...classes] = tag.split('.');
    const element = document.createElement(name);
    if (classes.length) element.className = classes.join(' ');
    for (const [key, value] of Object.entries(properties)) {
      if (value === undefined || value === null) continue;
      if (key in element) element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...content.filter(child => child !== null && child !== undefined));
    return element;
  }

  const clamp = (value, min, max) => Math.min(Math.max(value, min), max);

  // ---- formatting ----

  const replaceHyphens = text => String(text).replace(/-(?=[\d.])/g, '\u2212'); // by minus signs

  // Three significant digits.
  function formatNumber(value) {
    const magnitude = Math.abs(value);
    if (magnitude === 0) return '0';
    if (magnitude < 1e-4 || magnitude >= 1e6) return value.toExponential(2);
    return magnitude >= 1000 ? String(Number(value.toPrecision(3))) : value.toPrecision(3);
  }

  const formatSigned = value => (value > 0 ? '+' : '') + formatNumber(value);

  const formatExposure = value => replaceHyphens(`${value < 0 ? '' : '+'}${value.toFixed(1)} EV`);

  // A parameter's value.
  function formatSetting(value) {
    if (typeof value === 'boolean') return value ? 'on' : 'off';
    if (Array.isArray(value)) return value.map(formatSetting).join(', ');
    if (typeof value === 'number') return replaceHyphens(Number(value.toPrecision(6)));
    return String(value ?? 'auto');
  }

  // ---- pixels ----

  const layerPromises = new Map();

  // {channels, data}: planar float32, row 0 on top.
  function loadLayer(name) {
    if (!layerPromises.has(name)) layerPromises.set(name, unpackLayer(layers[name]));
    return layerPromises.get(name);
  }

  async function inflate(base64) {
    const text = atob(base64);
    const packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // The inverse of `pack_layer` in page.py.
  async function unpackLayer({id, channels, bits}) {
    if (!('DecompressionStream' in window)) {
      throw new Error(
        'This browser cannot unpack the images (it has no DecompressionStream). Chrome and Edge 80, ' +
          'Firefox 113, Safari 16.4 and newer can. The tables below are complete.',
      );
    }
    const bytes = await inflate(byId(id).textContent);
    const count = channels * PIXEL_COUNT;
    const codes = new Int32Array(count);
    let at = 0;
    for (let row = 0; row < channels * HEIGHT; row++) {
      let code = 0;
      for (let x = 0; x < WIDTH; x++, at++) {
        const folded = bytes[at] | (bytes[count + at] << 8) | (bytes[2 * count + at] << 16);
        code += (folded >>> 1) ^ -(folded & 1);
        codes[at] = code;
      }
    }
    if (channels === 3) {
      for (let i = 0; i < PIXEL_COUNT; i++) {
        codes[i] += codes[PIXEL_COUNT + i];
        codes[2 * PIXEL_COUNT + i] += codes[PIXEL_COUNT + i];
      }
    }
    for (let i = 0; i < count; i++) codes[i] = (codes[i] & 0xffffff) << (23 - bits);
    return {channels, data: new Float32Array(codes.buffer)};
  }

  function hasComponent(entry, component) {
    if (component === 'error') return !!reference && 'final' in entry.layers && 'final' in reference.layers;
    return component in comparison.shared_layers || component in entry.layers;
  }

  const componentNames = Object.keys(COMPONENTS).filter(name => entries.some(entry => hasComponent(entry, name)));

  const errorLayers = new Map();

  // The error at each pixel: the root of the mean squared difference of the channels.
  async function loadErrorLayer(entry) {
    if (!errorLayers.has(entry.id)) {
      const [image, expected] = await Promise.all([loadLayer(entry.layers.final), loadLayer(reference.layers.final)]);
      const data = new Float32Array(PIXEL_COUNT);
      for (let i = 0; i < PIXEL_COUNT; i++) {
        let sum = 0;
        for (let c = i; c < image.channels * PIXEL_COUNT; c += PIXEL_COUNT)
          sum += (image.data[c] - expected.data[c]) ** 2;
        data[i] = Math.sqrt(sum / image.channels);
      }
      errorLayers.set(entry.id, {channels: 1, data});
    }
    return errorLayers.get(entry.id);
  }

  // The pixels of one side; null where the entry has no such component.
  async function loadComponent(entry, component) {
    if (!hasComponent(entry, component)) return null;
    if (component === 'error') return loadErrorLayer(entry);
    // The picture is antialiased; errors are those of the pixels' centres.
    if (component === 'final' && entry.layers.picture) return loadLayer(entry.layers.picture);
    return loadLayer(entry.layers[component] ?? comparison.shared_layers[component]);
  }

  // ---- display: shaders/passes/display.frag without dither ----

  // sRGB over the square root of the linear value, where it is nearly straight: the table is within 0.04 of 255.
  const SRGB_STEPS = 4096;
  const SRGB_TABLE = new Uint8ClampedArray(SRGB_STEPS + 1);
  for (let i = 0; i <= SRGB_STEPS; i++) {
    const linear = (i / SRGB_STEPS) ** 2;
    SRGB_TABLE[i] = Math.round(255 * (linear > 0.0031308 ? 1.055 * linear ** (1 / 2.4) - 0.055 : 12.92 * linear));
  }
  const encodeSrgb = linear =>
    SRGB_TABLE[linear >= 1 ? SRGB_STEPS : linear > 0 ? (Math.sqrt(linear) * SRGB_STEPS + 0.5) | 0 : 0];

  // Each changes a colour in place.
  const toneMapping = {
    // Khronos PBR neutral
    neutral(color) {
      const min = Math.min(color[0], color[1], color[2]);
      const offset = min < 0.08 ? min - 6.25 * min * min : 0.04;
      for (let c = 0; c < 3; c++) color[c] -= offset;
      const peak = Math.max(color[0], color[1], color[2]);
      if (peak < 0.76) return;
      const newPeak = 1 - 0.0576 / (peak - 0.52);
      const desaturation = 1 - 1 / (0.15 * (peak - newPeak) + 1);
      const scale = (newPeak / peak) * (1 - desaturation);
      for (let c = 0; c < 3; c++) color[c] = color[c] * scale + newPeak * desaturation;
    },
    // Narkowicz's fit of ACES
    aces(color) {
      for (let c = 0; c < 3; c++)
        color[c] = (color[c] * (2.51 * color[c] + 0.03)) / (color[c] * (2.43 * color[c] + 0.59) + 0.14);
    },
    reinhard(color) {
      const scale = 1 / (1 + 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]);
      for (let c = 0; c < 3; c++) color[c] *= scale;
    },
    none() {},
  };

  function writeLight(rgba, {channels, data}, scale, toneMapper) {
    const stride = channels === 3 ? PIXEL_COUNT : 0;
    const color = new Float64Array(3);
    const apply = toneMapping[toneMapper];
    for (let i = 0; i < PIXEL_COUNT; i++) {
      for (let c = 0; c < 3; c++) color[c] = data[c * stride + i] * scale;
      apply(color);
      for (let c = 0; c < 3; c++) rgba[4 * i + c] = encodeSrgb(color[c]);
      rgba[4 * i + 3] = 255;
    }
  }

  // The same as the false colours of measure/metrics.py.
  function falseColor(value, max) {
    const position = clamp(value / max, 0, 1) * (inferno.length - 1);
    const index = Math.min(Math.floor(position), inferno.length - 2);
    const weight = position - index;
    return [0, 1, 2].map(c => Math.round(inferno[index][c] * (1 - weight) + inferno[index + 1][c] * weight));
  }

  const FALSE_COLOR_STEPS = 4096;
  const falseColorTable = new Uint32Array(FALSE_COLOR_STEPS + 1); // RGBA in the byte order of ImageData
  const falseColorBytes = new Uint8Array(falseColorTable.buffer);
  for (let i = 0; i <= FALSE_COLOR_STEPS; i++)
    falseColorBytes.set([...falseColor(i / FALSE_COLOR_STEPS, 1), 255], 4 * i);

  function writeErrors(rgba, {data}, max) {
    const colors = new Uint32Array(rgba.buffer);
    for (let i = 0; i < PIXEL_COUNT; i++) {
      colors[i] = falseColorTable[(Math.min(data[i] / max, 1) * FALSE_COLOR_STEPS + 0.5) | 0];
    }
  }

  function writeVisibility(rgba, {data}) {
    for (let i = 0; i < PIXEL_COUNT; i++) {
      rgba[4 * i] = rgba[4 * i + 1] = rgba[4 * i + 2] = Math.round(255 * data[i]);
      rgba[4 * i + 3] = 255;
    }
  }

  function paintComponent(canvas, pixels, component) {
    const context = canvas.getContext('2d');
    if (!pixels) return context.clearRect(0, 0, WIDTH, HEIGHT);
    const image = context.createImageData(WIDTH, HEIGHT);
    if (component === 'error') writeErrors(image.data, pixels, state.errorMax);
    else if (component === 'visibility') writeVisibility(image.data, pixels);
    else if (component === 'albedo') writeLight(image.data, pixels, 1, 'none');
    else writeLight(image.data, pixels, 2 ** state.exposure, state.toneMapper);
    context.putImageData(image, 0, 0);
  }

  // |left - right| as light, or right - left about grey. Without exposure and tone mapper, so that values can be read.
  function paintDifference(canvas, left, right) {
    const context = canvas.getContext('2d');
    if (!left || !right) return context.clearRect(0, 0, WIDTH, HEIGHT);
    const image = context.createImageData(WIDTH, HEIGHT);
    const rgba = image.data;
    for (let c = 0; c < 3; c++) {
      const leftOffset = left.channels === 3 ? c * PIXEL_COUNT : 0;
      const rightOffset = right.channels === 3 ? c * PIXEL_COUNT : 0;
      for (let i = 0; i < PIXEL_COUNT; i++) {
        const difference = (right.data[rightOffset + i] - left.data[leftOffset + i]) * state.gain;
        rgba[4 * i + c] = state.signed ? 127.5 + 127.5 * difference : encodeSrgb(Math.abs(difference));
      }
    }
    for (let i = 0; i < PIXEL_COUNT; i++) rgba[4 * i + 3] = 255;
    context.putImageData(image, 0, 0);
  }

  // ---- state ----

  const sampleSetting = technique => `${technique}.${sampleParams[technique]}`;
  const sampleCount = entry => entry.settings?.[sampleSetting(entry.technique)];

  // The pair shown first: on the right SSDO with the most samples, on the left SSAO with as many.
  // Without SSDO the last entry that is not the reference; without SSAO the first other entry.
  function chooseFirstPair() {
    const lastSsdo = entries.findLastIndex(entry => entry.technique === 'ssdo');
    const right =
      lastSsdo >= 0
        ? lastSsdo
        : Math.max(
            entries.findLastIndex(entry => entry !== reference),
            0,
          );
    const findSsao = test =>
      entries.findLastIndex((entry, i) => i !== right && entry.technique === 'ssao' && test(entry));
    const candidates = [
      findSsao(entry => sampleCount(entry) === sampleCount(entries[right])),
      findSsao(() => true),
      entries.findIndex((_, i) => i !== right),
      right,
    ];
    return [candidates.find(i => i >= 0), right];
  }

  const [firstLeft, firstRight] = chooseFirstPair();
  const state = {
    left: {entry: firstLeft, component: 'final'},
    right: {entry: firstRight, component: 'final'},
    view: 'slider',
    exposure: comparison.display.exposure,
    toneMapper: comparison.display.tone_mapper,
    errorMax: initialErrorMax ?? 1,
    gain: 10,
    signed: false,
    divider: 0.5,
    zoom: 1, // 1 fits the image into the pane
    x: WIDTH / 2, // image pixel in the middle of the pane
    y: HEIGHT / 2,
    holding: false, // flip view: the left image is held by key or button
    autoLeft: false, // flip view: automatic flipping is at the left image
    loupe: false,
    loupePinned: false,
    loupePixel: [Math.floor(WIDTH / 2), Math.floor(HEIGHT / 2)],
  };
  for (const side of SIDES) {
    const entry = entries[state[side].entry];
    if (hasComponent(entry, 'final')) continue;
    state[side].component = componentNames.find(name => hasComponent(entry, name)) ?? componentNames[0];
  }

  const stage = byId('stage');
  const panes = byId('panes');
  stage.style.setProperty('--aspect', `${WIDTH} / ${HEIGHT}`);
  const createCanvas = id => createElement('canvas', {width: WIDTH, height: HEIGHT, id});
  const canvases = {
    left: createCanvas('left-pixels'),
    right: createCanvas('right-pixels'),
    difference: createCanvas('difference-pixels'),
    all: entries.map(() => createCanvas()),
  };

  let sidePixels = {left: null, right: null};
  let isDrawing = false;
  let needsRedraw = false;

  // Brings the page to the state. Layers unpack asynchronously; a change in the meantime restarts the drawing.
  async function update() {
    updateControls();
    layOut();
    needsRedraw = true;
    if (isDrawing) return;
    isDrawing = true;
    stage.setAttribute('aria-busy', 'true');
    try {
      while (needsRedraw) {
        needsRedraw = false;
        await drawCanvases();
      }
    } catch (error) {
      byId('message').textContent = error.message;
    }
    isDrawing = false;
    stage.setAttribute('aria-busy', 'false');
    layOut();
  }

  const setState = changes => {
    Object.assign(state, changes);
    update();
  };

  // Everything that decides a canvas besides the entry: it is painted again only where this changes.
  function displaySettings(component) {
    if (component === 'error') return state.errorMax;
    return ['visibility', 'albedo'].includes(component) ? '' : `${state.exposure} ${state.toneMapper}`;
  }

  function describeCanvas(canvas, text) {
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', text);
  }

  async function drawCanvases() {
    const slots = SIDES.map(side => ({canvas: canvases[side], side, ...state[side]}));
    if (state.view === 'all') {
      slots.push(
        ...entries.map((_, entry) => ({canvas: canvases.all[entry], entry, component: state.right.component})),
      );
    }
    for (const {canvas, side, entry, component} of slots) {
      const pixels = await loadComponent(entries[entry], component);
      if (needsRedraw) return;
      if (side) sidePixels = {...sidePixels, [side]: pixels};
      const key = `${entry} ${component} ${displaySettings(component)}`;
      if (canvas.dataset.content !== key) paintComponent(canvas, pixels, component);
      canvas.dataset.content = key;
      describeCanvas(canvas, `${entries[entry].label}: ${COMPONENTS[component]}${pixels ? '' : ' (not available)'}`);
    }
    if (state.view === 'difference') drawDifference();
    const missing = SIDES.filter(side => !sidePixels[side] && state.view !== 'all').map(
      side => `${entries[state[side].entry].label} has no ${COMPONENTS[state[side].component]}.`,
    );
    byId('message').textContent = [...new Set(missing)].join(' ');
  }

  function drawDifference() {
    const canvas = canvases.difference;
    const [left, right] = SIDES.map(side => `${state[side].entry} ${state[side].component}`);
    const key = `${left} ${right} ${state.gain} ${state.signed}`;
    if (canvas.dataset.content !== key) paintDifference(canvas, sidePixels.left, sidePixels.right);
    canvas.dataset.content = key;
    describeCanvas(canvas, `Difference of left and right, times ${state.gain}`);
  }

  // ---- stage: panes, zoom and pan ----

  let laidOutView = '';

  function createPane(...children) {
    return createElement('div.pane', ...children, createElement('div.pixel-marker', {hidden: true}));
  }

  const createImageLayer = side => createElement(`div.image.${side}`, canvases[side]);
  const createLabel = side => createElement(`span.label.${side}`);

  const createPanes = {
    slider: () => [createPane(...SIDES.map(createImageLayer), ...SIDES.map(createLabel))],
    flip: () => [createPane(...SIDES.map(createImageLayer), ...SIDES.map(createLabel))],
    side: () => SIDES.map(side => createPane(createImageLayer(side), createLabel(side))),
    difference: () => [createPane(createElement('div.image', canvases.difference), ...SIDES.map(createLabel))],
    all: () =>
      entries.map((entry, i) =>
        createPane(
          createElement('div.image', canvases.all[i]),
          createElement('div.label.entry', createSideButtons(i), createElement('span', entry.label)),
        ),
      ),
  };

  // The number of columns in which the panes are largest.
  function chooseColumns(paneCount) {
    const box = stage.getBoundingClientRect();
    let columns = 1;
    let maxScale = 0;
    for (let n = 1; n <= paneCount; n++) {
      const rows = Math.ceil(paneCount / n);
      const scale = Math.min(box.width / n / WIDTH, box.height / rows / HEIGHT);
      if (scale > maxScale) [columns, maxScale] = [n, scale];
    }
    return columns;
  }

  // Creates the panes of the current view.
  function ensurePanes() {
    if (laidOutView === state.view) return;
    laidOutView = state.view;
    const content = createPanes[state.view]();
    panes.className = state.view;
    const columns = state.view === 'side' ? 2 : chooseColumns(content.length);
    panes.style.setProperty('--columns', columns);
    panes.style.setProperty('--rows', Math.ceil(content.length / columns));
    panes.replaceChildren(...content);
  }

  const fitScale = box => Math.min(box.width / WIDTH, box.height / HEIGHT);
  const firstPaneBox = () => panes.firstElementChild.getBoundingClientRect();

  // Screen pixels per image pixel, and the image's corner in a pane. An image that is smaller than the pane is centred,
  // a larger one covers it.
  function imageTransform(box) {
    const scale = fitScale(box) * state.zoom;
    const corner = (center, size, room) => {
      if (size * scale <= room) return (room - size * scale) / 2;
      return clamp(room / 2 - center * scale, room - size * scale, 0);
    };
    return {scale, left: corner(state.x, WIDTH, box.width), top: corner(state.y, HEIGHT, box.height)};
  }

  // Limits the state to centres that the image can have, so that dragging back answers at once.
  function clampCenter() {
    const box = firstPaneBox();
    const scale = fitScale(box) * state.zoom;
    const limit = (value, size, room) => {
      if (size * scale <= room) return size / 2;
      return clamp(value, room / 2 / scale, size - room / 2 / scale);
    };
    state.x = limit(state.x, WIDTH, box.width);
    state.y = limit(state.y, HEIGHT, box.height);
  }

  const showsLeft = () => state.holding !== state.autoLeft;

  // Moves images, labels, markers and the divider to where the state has them.
  function layOut() {
    ensurePanes();
    const hiddenSide = state.view === 'flip' ? (showsLeft() ? 'right' : 'left') : null;
    for (const pane of panes.children) {
      const transform = imageTransform(pane.getBoundingClientRect());
      layOutImages(pane, transform);
      layOutSides(pane, hiddenSide);
      layOutMarker(pane, transform);
    }
    const mainBox = firstPaneBox();
    layOutDivider(mainBox);
    stage.classList.toggle('movable', state.zoom > 1);
    byId('zoom').textContent = `${Math.round(100 * imageTransform(mainBox).scale * devicePixelRatio)} %`;
    drawLoupe();
  }

  function layOutImages(pane, {scale, left, top}) {
    for (const canvas of pane.querySelectorAll('canvas')) {
      canvas.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
      canvas.style.imageRendering = scale * devicePixelRatio >= 2 || state.zoom > 1 ? 'pixelated' : 'auto';
    }
  }

  function layOutSides(pane, hiddenSide) {
    for (const side of SIDES) {
      const visibility = hiddenSide === side ? 'hidden' : 'visible';
      const {entry, component} = state[side];
      const image = pane.querySelector(`.image.${side}`);
      const label = pane.querySelector(`.label.${side}`);
      if (image) image.style.visibility = visibility;
      if (label) {
        label.textContent = entries[entry].label + (component === 'final' ? '' : ` \u00b7 ${COMPONENTS[component]}`);
        label.style.visibility = visibility;
      }
    }
  }

  function layOutMarker(pane, {scale, left, top}) {
    const marker = pane.querySelector('.pixel-marker');
    const size = Math.max(scale, 5);
    const x = left + (state.loupePixel[0] + 0.5) * scale - size / 2;
    const y = top + (state.loupePixel[1] + 0.5) * scale - size / 2;
    marker.hidden = !state.loupe;
    marker.style.width = marker.style.height = `${size}px`;
    marker.style.transform = `translate(${x}px, ${y}px)`;
  }

  function layOutDivider(box) {
    const divider = byId('divider');
    const x = state.divider * box.width;
    divider.hidden = state.view !== 'slider';
    divider.style.transform = `translateX(${x}px)`;
    divider.setAttribute('aria-valuenow', Math.round(100 * state.divider));
    const clipPath = state.view === 'slider' ? `inset(0 0 0 ${x}px)` : 'none';
    canvases.right.parentElement?.style.setProperty('clip-path', clipPath);
  }

  // `point`: the place in the pane that keeps its image pixel; its middle by default.
  function zoomTo(zoom, point) {
    const box = firstPaneBox();
    const before = imageTransform(box);
    const fit = fitScale(box);
    const [paneX, paneY] = point ?? [box.width / 2, box.height / 2];
    const imageX = (paneX - before.left) / before.scale;
    const imageY = (paneY - before.top) / before.scale;
    state.zoom = clamp(zoom, Math.min(1, 1 / (fit * devicePixelRatio)), Math.max(MAX_SCALE / fit, 1));
    state.x = imageX + (box.width / 2 - paneX) / (fit * state.zoom);
    state.y = imageY + (box.height / 2 - paneY) / (fit * state.zoom);
    clampCenter();
    layOut();
  }

  const paneOf = target => target.closest('.pane') ?? panes.firstElementChild;

  // The image pixel at a place of the screen, in the pane of `target`.
  function pixelAt(target, clientX, clientY) {
    const box = paneOf(target).getBoundingClientRect();
    const {scale, left, top} = imageTransform(box);
    return [(clientX - box.left - left) / scale, (clientY - box.top - top) / scale].map(Math.floor);
  }

  const isInside = ([x, y]) => x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT;

  // ---- stage: pointer ----

  let drag = null;

  stage.addEventListener('pointerdown', event => {
    if (event.button !== 0 || event.target.closest('button, #loupe')) return;
    const target = event.target.closest('#divider') ? 'divider' : 'image';
    drag = {target, x: event.clientX, y: event.clientY, imageX: state.x, imageY: state.y, hasMoved: false};
    stage.setPointerCapture(event.pointerId);
    (target === 'divider' ? byId('divider') : stage).focus({preventScroll: true});
    event.preventDefault();
  });

  stage.addEventListener('pointermove', event => {
    if (drag) {
      continueDrag(event);
    } else if (state.loupe && !state.loupePinned && event.target.closest('.pane')) {
      const pixel = pixelAt(event.target, event.clientX, event.clientY);
      if (isInside(pixel)) {
        state.loupePixel = pixel;
        layOut();
      }
    }
  });

  function continueDrag({clientX, clientY}) {
    drag.hasMoved ||= Math.hypot(clientX - drag.x, clientY - drag.y) > 3;
    const box = firstPaneBox();
    if (drag.target === 'divider') {
      state.divider = clamp((clientX - box.left) / box.width, 0, 1);
    } else if (drag.hasMoved) {
      const {scale} = imageTransform(box);
      state.x = drag.imageX - (clientX - drag.x) / scale;
      state.y = drag.imageY - (clientY - drag.y) / scale;
      clampCenter();
    }
    layOut();
  }

  stage.addEventListener('pointerup', event => {
    if (drag && !drag.hasMoved && drag.target === 'image') pinLoupe(event.clientX, event.clientY);
    drag = null;
  });
  stage.addEventListener('pointercancel', () => {
    drag = null;
  });
  stage.addEventListener('dblclick', event => event.preventDefault());

  // A click pins the loupe to a pixel; another click there releases it.
  function pinLoupe(clientX, clientY) {
    // The pointer is captured: the event's target is the stage.
    const target = document.elementsFromPoint(clientX, clientY).find(element => element.closest('.pane'));
    if (!target) return;
    const pixel = pixelAt(target, clientX, clientY);
    if (!isInside(pixel)) return;
    const isPinnedHere =
      state.loupe && state.loupePinned && pixel.every((value, axis) => value === state.loupePixel[axis]);
    setState({loupe: true, loupePinned: !isPinnedHere, loupePixel: pixel});
  }

  stage.addEventListener(
    'wheel',
    event => {
      if (event.ctrlKey && !event.deltaY) return;
      if (state.zoom <= 1 && event.deltaY > 0) return; // nothing to zoom out of: the page scrolls
      event.preventDefault();
      const box = paneOf(event.target).getBoundingClientRect();
      const delta = event.deltaMode ? event.deltaY * 30 : event.deltaY; // lines or pages; otherwise pixels
      const zoom = state.zoom * 2 ** (-delta / 240);
      zoomTo(state.zoom > 1 ? Math.max(zoom, 1) : zoom, [event.clientX - box.left, event.clientY - box.top]);
    },
    {passive: false},
  );

  new ResizeObserver(() => {
    laidOutView = '';
    clampCenter();
    layOut();
  }).observe(stage);

  // ---- loupe ----

  function readPixel(pixels) {
    const index = state.loupePixel[1] * WIDTH + state.loupePixel[0];
    return pixels ? Array.from({length: pixels.channels}, (_, c) => pixels.data[c * PIXEL_COUNT + index]) : [];
  }

  function createLoupe() {
    const size = LOUPE_PIXELS * LOUPE_SCALE;
    const createGlass = side =>
      createElement(
        `figure.${side}`,
        createElement('canvas', {width: size, height: size, id: `loupe-${side}`}),
        createElement('figcaption'),
      );
    byId('loupe').append(
      createElement('div.glasses', ...SIDES.map(createGlass)),
      createElement('table', {id: 'loupe-values'}),
      createElement('p', {id: 'loupe-position'}),
    );
  }

  function drawLoupe() {
    const loupe = byId('loupe');
    loupe.hidden = !state.loupe;
    if (!state.loupe) return;
    if (!loupe.firstChild) createLoupe();
    SIDES.forEach(drawGlass);
    writeLoupeValues();
    const [x, y] = state.loupePixel;
    const pinned = state.loupePinned ? ' \u00b7 pinned' : '';
    byId('loupe-position').textContent = `x ${x}, y ${y} from the top left${pinned}`;
    layOutLoupe(loupe);
  }

  // Magnified pixels around the selected one, which is framed.
  function drawGlass(side) {
    const context = byId(`loupe-${side}`).getContext('2d');
    const size = LOUPE_PIXELS * LOUPE_SCALE;
    const radius = (LOUPE_PIXELS - 1) / 2;
    const middle = radius * LOUPE_SCALE;
    const [x, y] = state.loupePixel;
    context.imageSmoothingEnabled = false;
    context.fillStyle = '#808080';
    context.fillRect(0, 0, size, size);
    context.drawImage(canvases[side], x - radius, y - radius, LOUPE_PIXELS, LOUPE_PIXELS, 0, 0, size, size);
    context.strokeStyle = '#000';
    context.strokeRect(middle - 0.5, middle - 0.5, LOUPE_SCALE + 1, LOUPE_SCALE + 1);
    context.strokeStyle = '#fff';
    context.strokeRect(middle - 1.5, middle - 1.5, LOUPE_SCALE + 3, LOUPE_SCALE + 3);
    byId('loupe').querySelector(`figure.${side} figcaption`).textContent = COMPONENTS[state[side].component];
  }

  function writeLoupeValues() {
    const [left, right] = SIDES.map(side => readPixel(sidePixels[side]));
    const rowCount = Math.max(left.length, right.length);
    const channelNames = rowCount === 1 ? [''] : ['R', 'G', 'B'].slice(0, rowCount);
    const channel = (values, c) => values[values.length === 1 ? 0 : c];
    const valueText = (values, c) => (values.length ? replaceHyphens(formatNumber(channel(values, c))) : NO_VALUE);
    const differenceText = c => {
      if (!left.length || !right.length) return NO_VALUE;
      return replaceHyphens(formatSigned(channel(right, c) - channel(left, c)));
    };
    const header = createElement(
      'tr',
      createElement('th'),
      createElement('th.left', 'left'),
      createElement('th.right', 'right'),
      createElement('th', 'right \u2212 left'),
    );
    const rows = channelNames.map((name, c) =>
      createElement(
        'tr',
        createElement('th', name),
        createElement('td', valueText(left, c)),
        createElement('td', valueText(right, c)),
        createElement('td', differenceText(c)),
      ),
    );
    byId('loupe-values').replaceChildren(header, ...rows);
  }

  // Beside the pixel, where there is room.
  function layOutLoupe(loupe) {
    const box = stage.getBoundingClientRect();
    const pane = firstPaneBox();
    const {scale, left, top} = imageTransform(pane);
    const pixelX = pane.left - box.left + left + (state.loupePixel[0] + 0.5) * scale;
    const pixelY = pane.top - box.top + top + (state.loupePixel[1] + 0.5) * scale;
    const {offsetWidth: width, offsetHeight: height} = loupe;
    const gap = 28 + scale / 2;
    const fitsRight = pixelX + gap + width <= box.width || pixelX < box.width / 2;
    const fitsBelow = pixelY + gap + height <= box.height || pixelY < box.height / 2;
    const x = clamp(fitsRight ? pixelX + gap : pixelX - gap - width, 4, Math.max(4, box.width - width - 4));
    const y = clamp(fitsBelow ? pixelY + gap : pixelY - gap - height, 4, Math.max(4, box.height - height - 4));
    loupe.style.transform = `translate(${x}px, ${y}px)`;
  }

  // Moves the loupe by keyboard. The image pans where the pixel would leave the pane.
  function moveLoupe(dx, dy) {
    const [x, y] = state.loupePixel;
    if (state.loupe) state.loupePixel = [clamp(x + dx, 0, WIDTH - 1), clamp(y + dy, 0, HEIGHT - 1)];
    Object.assign(state, {loupe: true, loupePinned: true});
    const box = firstPaneBox();
    const scale = fitScale(box) * state.zoom;
    const halfWidth = box.width / 2 / scale;
    const halfHeight = box.height / 2 / scale;
    state.x = clamp(state.x, state.loupePixel[0] + 1 - halfWidth, state.loupePixel[0] + halfWidth);
    state.y = clamp(state.y, state.loupePixel[1] + 1 - halfHeight, state.loupePixel[1] + halfHeight);
    clampCenter();
    update();
  }

  // ---- controls ----

  // Radio buttons that look like one segmented control.
  function addSegments(parent, name, labels, onChoose) {
    for (const [value, label] of Object.entries(labels)) {
      const input = createElement('input', {type: 'radio', name, value, onchange: () => onChoose(value)});
      parent.append(createElement('label', input, createElement('span', label)));
    }
  }

  // Two buttons that show an entry on the left and on the right.
  function createSideButtons(entry) {
    const createButton = side => {
      const title = `Show ${entries[entry].label} on the ${side}`;
      return createElement(
        `button.side-button.${side}`,
        {
          type: 'button',
          title,
          'aria-label': title,
          'aria-pressed': String(state[side].entry === entry),
          onclick: () => chooseEntry(side, entry),
        },
        side === 'left' ? 'L' : 'R',
      );
    };
    const buttons = createElement('span.side-buttons', ...SIDES.map(createButton));
    buttons.dataset.entry = entry;
    return buttons;
  }

  function chooseEntry(side, entry) {
    if (entry in entries) setState({[side]: {...state[side], entry}});
  }

  function chooseComponent(side, component) {
    const sides = byId('linked').checked ? SIDES : [side];
    setState(Object.fromEntries(sides.map(each => [each, {...state[each], component}])));
  }

  function updateControls() {
    for (const side of SIDES) {
      const {entry, component} = state[side];
      byId(`${side}-entry`).value = entry;
      byId(`${side}-component`).value = component;
      for (const option of byId(`${side}-component`).options)
        option.disabled = !hasComponent(entries[entry], option.value);
    }
    for (const buttons of document.querySelectorAll('.side-buttons')) {
      for (const [i, side] of SIDES.entries()) {
        buttons.children[i].setAttribute('aria-pressed', String(state[side].entry === Number(buttons.dataset.entry)));
      }
    }
    for (const input of document.querySelectorAll('input[name=view]')) input.checked = input.value === state.view;
    for (const input of document.querySelectorAll('input[name=gain]'))
      input.checked = Number(input.value) === state.gain;
    byId('flip-controls').hidden = state.view !== 'flip';
    byId('difference-controls').hidden = state.view !== 'difference';
    byId('error-controls').hidden = !visibleSides().some(side => state[side].component === 'error');
    byId('signed').checked = state.signed;
    byId('exposure').value = state.exposure;
    byId('exposure-value').textContent = formatExposure(state.exposure);
    byId('tone-mapper').value = state.toneMapper;
    byId('error-max').value = Math.log10(state.errorMax);
    byId('error-max-value').textContent = `${formatNumber(state.errorMax)} radiance`;
    byId('loupe-toggle').setAttribute('aria-pressed', String(state.loupe));
    byId('caption').textContent = state.view === 'difference' ? describeDifference() : describeDisplay();
  }

  // The sides whose component is shown; the view of all entries takes the right one's.
  const visibleSides = () => (state.view === 'all' ? ['right'] : SIDES);

  function describeDifference() {
    if (state.signed) {
      return (
        `Grey plus the difference right \u2212 left, times ${state.gain}, of linear values: ` +
        'brighter than grey where the right is brighter.'
      );
    }
    return (
      `|left \u2212 right| times ${state.gain}, of linear values, sRGB encoded; no exposure, no tone mapper. ` +
      'Black is equal.'
    );
  }

  // How values become colours in the current view.
  function describeDisplay() {
    const components = new Set(visibleSides().map(side => state[side].component));
    const showsAny = names => names.some(name => components.has(name));
    const sentences = [];
    if (showsAny(['final', 'unoccluded', 'direct', 'indirect'])) {
      const toneMapper = TONE_MAPPERS[state.toneMapper] ?? state.toneMapper;
      sentences.push(`Light at ${formatExposure(state.exposure)}, tone mapper ${toneMapper}, sRGB encoded.`);
    }
    if (showsAny(['unoccluded', 'direct', 'indirect'])) {
      sentences.push('Incoming light is irradiance over \u03c0: the radiance of a white surface.');
    }
    if (components.has('albedo')) sentences.push('Albedo, sRGB encoded.');
    if (components.has('visibility')) sentences.push('Ambient visibility: black is 0, white is 1, linear.');
    if (components.has('error')) {
      sentences.push(
        'Error: at each pixel the root of the mean squared difference of red, green and blue to the reference, ' +
          'in units of radiance.',
      );
    }
    return sentences.join(' ');
  }

  const swapSides = () => setState({left: state.right, right: state.left});
  const zoomToFit = () => zoomTo(1);
  const zoomToPixels = () => zoomTo(1 / (fitScale(firstPaneBox()) * devicePixelRatio));
  const toggleLoupe = () => setState({loupe: !state.loupe, loupePinned: false});
  const openHelp = () => byId('help').showModal();

  function setHolding(holding) {
    if (state.holding === holding) return;
    state.holding = holding;
    layOut();
  }

  let flipTimer = 0;

  function setAutoFlip(enabled) {
    byId('auto-flip').checked = enabled;
    clearInterval(flipTimer);
    flipTimer = enabled ? setInterval(() => state.view === 'flip' && setState({autoLeft: !state.autoLeft}), 500) : 0;
    setState({autoLeft: false});
  }

  function connectSideMenus() {
    for (const side of SIDES) {
      const entryMenu = byId(`${side}-entry`);
      const componentMenu = byId(`${side}-component`);
      entries.forEach((entry, i) => {
        entryMenu.append(createElement('option', {value: i}, i < 9 ? `${i + 1}  ${entry.label}` : entry.label));
      });
      for (const name of componentNames) componentMenu.append(createElement('option', {value: name}, COMPONENTS[name]));
      entryMenu.onchange = event => chooseEntry(side, Number(event.target.value));
      componentMenu.onchange = event => chooseComponent(side, event.target.value);
    }
    byId('swap').onclick = swapSides;
  }

  function connectViewControls() {
    addSegments(byId('views'), 'view', VIEWS, view => setState({view}));
    const gainLabels = Object.fromEntries(GAINS.map(gain => [gain, `\u00d7${gain}`]));
    addSegments(byId('gains'), 'gain', gainLabels, gain => setState({gain: Number(gain)}));
    byId('signed').onchange = event => setState({signed: event.target.checked});
    byId('fit').onclick = zoomToFit;
    byId('one-to-one').onclick = zoomToPixels;
    byId('loupe-toggle').onclick = toggleLoupe;
    byId('hold').onpointerdown = () => setHolding(true);
    byId('hold').onkeydown = event => {
      if (event.key === 'Enter') setHolding(true);
    };
    for (const type of ['pointerup', 'pointercancel', 'blur']) window.addEventListener(type, () => setHolding(false));
    byId('auto-flip').onchange = event => setAutoFlip(event.target.checked);
  }

  function connectDisplayControls() {
    const exposure = byId('exposure');
    exposure.min = Math.min(-8, comparison.display.exposure);
    exposure.max = Math.max(8, comparison.display.exposure);
    exposure.oninput = event => setState({exposure: Number(event.target.value)});
    exposure.ondblclick = () => setState({exposure: comparison.display.exposure});
    for (const [value, label] of Object.entries(TONE_MAPPERS)) {
      byId('tone-mapper').append(createElement('option', {value}, label));
    }
    byId('tone-mapper').onchange = event => setState({toneMapper: event.target.value});
    byId('error-max').oninput = event => setState({errorMax: Number((10 ** event.target.value).toPrecision(2))});
    const context = byId('error-scale').getContext('2d');
    const colors = context.createImageData(256, 1);
    for (let i = 0; i < 256; i++) colors.data.set([...falseColor(i / 255, 1), 255], 4 * i);
    context.putImageData(colors, 0, 0);
  }

  // After the mouse has used a control, the stage takes the keys again.
  function returnFocusToStage() {
    let usedMouse = false;
    const listen = (type, listener) => document.addEventListener(type, listener, true);
    listen('pointerdown', event => {
      usedMouse = !!event.target.closest('#images :is(select, label, button)');
    });
    listen('keydown', () => {
      usedMouse = false;
    });
    for (const type of ['change', 'click']) {
      byId('images').addEventListener(type, event => {
        if (usedMouse && (type === 'change' || event.target.matches('button'))) stage.focus({preventScroll: true});
      });
    }
  }

  // ---- keys ----

  const cycle = (values, value, step) => values[(values.indexOf(value) + step + values.length) % values.length];
  const moveDivider = delta => setState({divider: clamp(state.divider + delta, 0, 1)});

  function cycleComponent(step) {
    const component = cycle(componentNames, state.right.component, step);
    setState(Object.fromEntries(SIDES.map(side => [side, {...state[side], component}])));
  }

  function showFlip() {
    if (state.view !== 'flip') setState({view: 'flip'});
  }

  function cycleDifference(step) {
    if (state.view !== 'difference') setState({view: 'difference'});
    else if (step < 0) setState({signed: !state.signed});
    else setState({gain: cycle(GAINS, state.gain, 1)});
  }

  function changeExposure(step) {
    const {min, max} = byId('exposure');
    setState({exposure: clamp(state.exposure + step / 3, Number(min), Number(max))});
  }

  const zoomIn = () => zoomTo(state.zoom * 1.5);
  const zoomOut = () => zoomTo(Math.max(state.zoom / 1.5, Math.min(state.zoom, 1)));

  // Keys as the help lists them, what they do, and an action for each key. The action gets -1 with Shift, otherwise 1.
  const KEYS = [
    ['1 \u2026 9', 'show that entry on the right; with Shift on the left'],
    ['T', 'next component on both sides; with Shift the previous one', {t: cycleComponent}],
    ['X', 'swap sides', {x: swapSides}],
    [
      'V',
      'next view; with Shift the previous one',
      {v: step => setState({view: cycle(Object.keys(VIEWS), state.view, step)})},
    ],
    ['\u2190 \u2192', 'move the divider'],
    [
      'F or Space',
      'flip: show the left image while held',
      {
        f: () => {
          showFlip();
          setHolding(true);
        },
      },
    ],
    [
      'A',
      'flip automatically, once per second',
      {
        a: () => {
          showFlip();
          setAutoFlip(!flipTimer);
        },
      },
    ],
    ['D', 'difference; again: next gain; with Shift signed or absolute', {d: cycleDifference}],
    ['E', 'a third of a stop brighter; with Shift darker', {e: changeExposure}],
    ['L', 'loupe; a click pins it to a pixel, another click there releases it', {l: toggleLoupe}],
    ['Shift+arrows', 'move the loupe by one pixel'],
    ['+ \u2212', 'zoom in, zoom out; so does the wheel', {'+': zoomIn, '=': zoomIn, '-': zoomOut}],
    ['0', 'fit the whole image', {0: zoomToFit}],
    ['Z', 'one image pixel per screen pixel', {z: zoomToPixels}],
    ['?', 'this list', {'?': openHelp}],
    ['Esc', 'close this list, or the loupe', {Escape: () => setState({loupe: false})}],
  ];
  const KEY_ACTIONS = Object.assign({}, ...KEYS.map(([, , actions]) => actions ?? {}));
  const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  const DIVIDER_STEPS = {Home: -1, End: 1, PageUp: 0.1, PageDown: -0.1};

  // Whether a control needs the key itself.
  function isTyping({key, target}) {
    const isLetter = key.length === 1 && key !== ' ';
    return target.matches('select') || (target.matches('input') && !isLetter);
  }

  // Returns whether the key did something.
  function handleKey(event) {
    const {key, target, shiftKey} = event;
    const digit = /^(Digit|Numpad)([1-9])$/.exec(event.code);
    const arrow = ARROWS[key];
    if (digit) {
      chooseEntry(shiftKey ? 'left' : 'right', Number(digit[2]) - 1);
    } else if (arrow && shiftKey) {
      moveLoupe(...arrow);
    } else if (arrow && arrow[0] && state.view === 'slider') {
      moveDivider(arrow[0] / 100);
    } else if (target.id === 'divider' && key in DIVIDER_STEPS) {
      moveDivider(DIVIDER_STEPS[key]);
    } else if (key === ' ' && target.id === 'hold') {
      setHolding(true);
    } else if (
      key === ' ' &&
      state.view === 'flip' &&
      stage.contains(target) &&
      !target.closest('button, summary, a')
    ) {
      setHolding(true);
    } else {
      const name = key.length === 1 ? key.toLowerCase() : key;
      const action = KEY_ACTIONS[name];
      if (!action) return false;
      if (!(event.repeat && name === 'a')) action(shiftKey ? -1 : 1);
    }
    return true;
  }

  function connectKeys() {
    document.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open) return;
      if (isTyping(event) && event.key !== '?') return;
      if (handleKey(event)) event.preventDefault();
    });
    document.addEventListener('keyup', event => {
      if (['f', 'F', ' ', 'Enter'].includes(event.key)) setHolding(false);
    });
    byId('help-toggle').onclick = openHelp;
    byId('help').addEventListener('click', event => {
      if (event.target === byId('help')) byId('help').close(); // a click beside the dialog's content
    });
    const rows = KEYS.map(([keys, description]) =>
      createElement(
        'tr',
        createElement('th', {scope: 'row'}, createElement('kbd', keys)),
        createElement('td', description),
      ),
    );
    byId('keys').append(...rows);
  }

  // ---- tables ----

  const columnHeader = (label, properties = {}) => createElement('th', {scope: 'col', ...properties}, label);

  function rowHeader(entry) {
    const label = createElement('span', entry.label);
    return createElement(
      'th',
      {scope: 'row'},
      createElement('div.entry', createSideButtons(entries.indexOf(entry)), label),
    );
  }

  function createTable(className, headerRows, bodyRows) {
    const head = headerRows.length ? createElement('thead', ...headerRows) : null;
    const table = createElement(`table.${className}`, head, createElement('tbody', ...bodyRows));
    return createElement('div.scroll', {tabIndex: 0, role: 'region', 'aria-label': 'Table'}, table);
  }

  const createDetails = (summary, ...children) =>
    createElement('details', createElement('summary', summary), ...children);

  const describeColumns = descriptions =>
    createDetails(
      'What the columns mean',
      createElement(
        'dl',
        ...descriptions.flatMap(([term, text]) => [createElement('dt', term), createElement('dd', text)]),
      ),
    );

  function writeHeading() {
    const count = entries.filter(entry => entry !== reference).length;
    const ways = count === 1 ? 'One scene, lit in one way' : `One scene, lit in ${count} ways`;
    const sentence = reference
      ? `${ways} and compared pixel by pixel with the reference: ${comparison.reference.label}.`
      : `${ways} and compared pixel by pixel.`;
    byId('title').textContent = comparison.title;
    byId('summary').textContent = sentence;
    byId('metadata').textContent = [
      `${WIDTH} \u00d7 ${HEIGHT} pixels`,
      comparison.renderer,
      `ssdo ${comparison.version}`,
      comparison.date,
    ]
      .filter(Boolean)
      .join(' \u00b7 ');
  }

  // ---- errors ----

  // In which direction a metric improves.
  const DIRECTIONS = {
    lower: {arrow: '\u2193', text: 'lower is better'},
    higher: {arrow: '\u2191', text: 'higher is better'},
    zero: {arrow: '\u2192 0', text: 'closest to 0 is best'},
  };

  const directionOf = metric => metrics[metric]?.better ?? 'lower';
  const helpOf = metric => metrics[metric]?.help ?? '';

  // A test whether an entry has the column's best value. A single value is not the best.
  function findBest(metric) {
    const rank = value => (directionOf(metric) === 'higher' ? -(value ?? Infinity) : Math.abs(value ?? Infinity));
    const ranks = entriesWithErrors.filter(entry => metric in entry.errors).map(entry => rank(entry.errors[metric]));
    const bestRank = Math.min(...ranks);
    return entry => ranks.length > 1 && metric in entry.errors && rank(entry.errors[metric]) === bestRank;
  }

  function formatError(metric, errors) {
    if (!(metric in errors)) return NO_VALUE;
    if (errors[metric] === null) return '\u221e'; // JSON has no infinity
    if (metric === 'psnr') return replaceHyphens(errors[metric].toFixed(1));
    return replaceHyphens(metric === 'bias' ? formatSigned(errors[metric]) : formatNumber(errors[metric]));
  }

  const hiddenText = text => createElement('span.visually-hidden', text);

  function createErrorTable(names) {
    const header = name =>
      columnHeader(createElement('abbr', {title: helpOf(name)}, metrics[name]?.label ?? name), {className: 'number'});
    const direction = name => {
      const {arrow, text} = DIRECTIONS[directionOf(name)];
      return createElement('td', arrow, hiddenText(text));
    };
    const isBest = Object.fromEntries(names.map(name => [name, findBest(name)]));
    const cell = (name, entry) => {
      const text = formatError(name, entry.errors);
      if (!isBest[name](entry)) return createElement('td.number', text);
      return createElement('td.number.best', {title: 'the best of this column'}, text, hiddenText(' (best)'));
    };
    const rows = entriesWithErrors.map(entry =>
      createElement('tr', rowHeader(entry), ...names.map(name => cell(name, entry))),
    );
    if (reference) {
      const note = createElement('td', {colSpan: names.length}, 'reference');
      rows.push(createElement('tr.reference', rowHeader(reference), note));
    }
    return createTable(
      'errors',
      [
        createElement('tr', columnHeader('entry'), ...names.map(header)),
        createElement('tr.directions', createElement('td'), ...names.map(direction)),
      ],
      rows,
    );
  }

  const notYetMeasured = comparison.draft?.stopped
    ? 'Not measured: the comparison was stopped.'
    : 'Not yet measured: a later draft has it.';

  function writeErrorSection() {
    const section = byId('errors');
    section.append(createElement('h2', 'Error against the reference'));
    if (!entriesWithErrors.length) {
      const text = comparison.draft && !reference
        ? notYetMeasured
        : reference
        ? 'Nothing was measured.'
        : 'This comparison has no reference, so there is nothing to measure against.';
      section.append(createElement('p', text));
      return;
    }
    const measured = entriesWithErrors.flatMap(entry => Object.keys(entry.errors));
    const names = [...new Set([...Object.keys(metrics), ...measured])].filter(name => measured.includes(name));
    section.append(
      createElement(
        'p',
        'Of linear radiance, except SSIM and FLIP, which estimate what a viewer sees. ' +
          '\u2193 lower is better, \u2191 higher is better. The best of each column is marked.',
      ),
      createErrorTable(names),
    );
    if (typeof comparison.reference?.noise === 'number') {
      section.append(
        createElement(
          'p.small',
          `The noise of the reference is an RMSE of ${formatNumber(comparison.reference.noise)}. ` +
            'It is removed from RMSE and PSNR, here and below, but not from the other columns and the error map.',
        ),
      );
    }
    if (comparison.reference?.from_file) {
      section.append(createElement('p.small', 'The reference is an image from a file; its noise is not known.'));
    }
    section.append(describeColumns(names.filter(helpOf).map(name => [metrics[name].label, helpOf(name)])));
  }

  // ---- error breakdown ----

  // A section without values: a draft says so, a complete page does not have it.
  function announceOrRemove(section, title, part) {
    if (!comparison.draft?.missing.includes(part)) return section.remove();
    section.append(createElement('h2', title), createElement('p', notYetMeasured));
  }

  const BREAKDOWN = {
    sampling: 'Noise of few samples before denoising: against the same technique with very many samples.',
    'sampling, denoised': 'What is left of it after denoising, and what the denoiser smears.',
    denoising: 'What the denoiser does to an image without noise: detail that it smears.',
    'screen space': 'What no number of samples removes: surfaces that the camera does not see, the radius, the steps.',
  };

  function writeErrorBreakdown() {
    const section = byId('error-breakdown');
    const list = entries.filter(entry => entry.error_breakdown);
    if (!list.length) return announceOrRemove(section, 'Causes of the error', 'causes of the error');
    const names = [...new Set(list.flatMap(entry => Object.keys(entry.error_breakdown)))];
    const max = Math.max(...list.flatMap(entry => Object.values(entry.error_breakdown)));
    const cell = value => {
      if (typeof value !== 'number') return createElement('td.number', NO_VALUE);
      const bar = createElement('span.data-bar', {'aria-hidden': 'true'});
      bar.style.width = `${max ? (100 * value) / max : 0}%`;
      return createElement('td.breakdown-cell', createElement('span', replaceHyphens(formatNumber(value))), bar);
    };
    const header = name => columnHeader(BREAKDOWN[name] ? createElement('abbr', {title: BREAKDOWN[name]}, name) : name);
    const rows = list.map(entry =>
      createElement('tr', rowHeader(entry), ...names.map(name => cell(entry.error_breakdown[name]))),
    );
    section.append(
      createElement('h2', 'Causes of the error'),
      createElement(
        'p',
        'Each is an RMSE of its own. More samples help where \u201csampling, denoised\u201d is well above ' +
          '\u201cdenoising\u201d; a smaller denoiser radius helps where the two are alike. Neither helps where ' +
          '\u201cscreen space\u201d leads. The columns do not add up to the error: errors of opposite sign cancel.',
      ),
      createTable('error-breakdown', [createElement('tr', columnHeader('entry'), ...names.map(header))], rows),
      describeColumns(names.filter(name => BREAKDOWN[name]).map(name => [name, BREAKDOWN[name]])),
    );
  }

  // ---- chart: error over samples or cost ----

  const CHART = {width: 760, height: 380, left: 64, right: 170, top: 16, bottom: 46};
  const SERIES_COLORS = 6; // classes .series-0 to .series-5
  const MARKERS = ['M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0', 'M-3.5-3.5h7v7h-7z', 'M0-5l5 5l-5 5l-5-5z', 'M0-5l5 8.5h-10z'];

  const formatTick = value =>
    value >= 1e-4 && value < 1e6 ? String(Number(value.toPrecision(3))) : value.toExponential(0);

  // Entries that differ only in their sample count, fewest samples first.
  function groupBySettings() {
    const groups = new Map();
    for (const entry of entriesWithErrors) {
      const others = Object.entries(entry.settings ?? {})
        .filter(([name]) => name !== sampleSetting(entry.technique))
        .sort();
      const key = JSON.stringify([entry.technique, others]);
      groups.set(key, [...(groups.get(key) ?? []), entry]);
    }
    return [...groups.values()].map(group => group.sort((a, b) => (sampleCount(a) ?? 0) - (sampleCount(b) ?? 0)));
  }

  // The technique, and the settings in which its groups differ.
  function describeGroup(group, groups) {
    const {technique, settings} = group[0];
    const siblings = groups.filter(other => other !== group && other[0].technique === technique);
    const differs = name =>
      siblings.some(other => formatSetting(other[0].settings[name]) !== formatSetting(settings[name]));
    const names = Object.keys(settings ?? {}).filter(name => name !== sampleSetting(technique) && differs(name));
    return [
      technique.toUpperCase(),
      ...names.map(name => `${name.split('.').at(-1)} ${formatSetting(settings[name])}`),
    ].join(', ');
  }

  function writeChart() {
    const section = byId('chart');
    const groups = groupBySettings();
    const hasSampleSeries = groups.some(group => group.length > 1 && sampleCount(group[0]));
    const hasValues = name => entriesWithErrors.filter(entry => entry.errors[name] > 0).length > 1;
    const yNames = Object.keys(metrics).filter(name => metrics[name].better === 'lower' && hasValues(name));
    if (!hasSampleSeries || !yNames.length) return section.remove();
    const xLabels = {samples: 'samples', ...(entries.some(entry => entry.cost) ? {cost: 'cost'} : {})};
    const yLabels = Object.fromEntries(yNames.map(name => [name, metrics[name].label]));
    const axes = {x: 'samples', y: yNames[0]};
    const plot = createElement('div.plot');
    const redraw = () => plot.replaceChildren(createChart(groups, axes));
    const xControl = createElement('fieldset.segments', createElement('legend', 'Over'));
    const yControl = createElement('fieldset.segments', createElement('legend', 'Error'));
    addSegments(xControl, 'chart-x', xLabels, name => {
      axes.x = name;
      redraw();
    });
    addSegments(yControl, 'chart-y', yLabels, name => {
      axes.y = name;
      redraw();
    });
    for (const control of [xControl, yControl]) control.querySelector('input').checked = true;
    section.append(
      createElement('h2', 'Error over samples and cost'),
      createElement('div.toolbar', yControl, xControl),
      plot,
    );
    redraw();
  }

  function createSvg(tag, attributes = {}, ...children) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const createText = (x, y, text, attributes = {}) => createSvg('text', {x, y, ...attributes}, text);

  // 1, 2, 5 in each decade; in a narrow range more digits.
  function chooseTicks(min, max) {
    const stepLists = [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]];
    for (const steps of stepLists) {
      const ticks = [];
      for (let exponent = Math.floor(Math.log10(min)); exponent <= Math.ceil(Math.log10(max)); exponent++) {
        for (const step of steps) ticks.push(Number((step * 10 ** exponent).toPrecision(2)));
      }
      const visible = ticks.filter(tick => tick >= min * 0.999 && tick <= max * 1.001);
      if (visible.length >= 3 || steps === stepLists.at(-1)) return visible;
    }
  }

  // A logarithmic axis: its range with some padding, and the place of a value on the chart.
  function createScale(values, start, end) {
    const min = Math.min(...values);
    const max = Math.max(...values);
    const padding = Math.max((max / min) ** 0.08, Math.sqrt(Math.max(1, 2 / (max / min))));
    const [low, high] = [min / padding, max * padding];
    const place = value => start + ((end - start) * Math.log(value / low)) / Math.log(high / low);
    return {low, high, place};
  }

  const CHART_RIGHT = CHART.width - CHART.right;
  const CHART_BOTTOM = CHART.height - CHART.bottom;

  function createChart(groups, axes) {
    const xOf = entry => (axes.x === 'cost' ? entry.cost?.total : sampleCount(entry));
    const yOf = entry => entry.errors[axes.y];
    const series = groups.map((group, index) => ({
      index,
      name: describeGroup(group, groups),
      points: group.filter(entry => xOf(entry) > 0 && yOf(entry) > 0),
      // An entry without a sample count is a horizontal line.
      level: axes.x === 'samples' ? group.find(entry => !sampleCount(entry) && yOf(entry) > 0) : undefined,
    }));
    const points = series.flatMap(each => each.points);
    if (!points.length) return createElement('p', 'No cost was measured.');
    const levels = series.map(each => each.level).filter(Boolean);
    const x = createScale(points.map(xOf), CHART.left, CHART_RIGHT);
    const y = createScale([...points, ...levels].map(yOf), CHART_BOTTOM, CHART.top);
    const xTicks =
      axes.x === 'samples' ? [...new Set(points.map(xOf))].sort((a, b) => a - b) : chooseTicks(x.low, x.high);
    const yLabel = metrics[axes.y].label;
    const description =
      `${yLabel} over ${axes.x === 'cost' ? 'cost in milliseconds' : 'samples'}, both axes logarithmic; ` +
      'the tables have the numbers';
    const chart = createSvg(
      'svg',
      {viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: 'img', 'aria-label': description},
      ...xTicks.flatMap(tick => createXTick(x.place(tick), tick)),
      ...chooseTicks(y.low, y.high).flatMap(tick => createYTick(y.place(tick), tick)),
      ...createAxisTitles(axes.x === 'cost' ? 'ms (logarithmic)' : 'samples (logarithmic)', yLabel),
    );
    const placeOf = entry => ({x: x.place(xOf(entry)), y: y.place(yOf(entry))});
    const labels = [];
    for (const {index, name, points, level} of series) {
      const levelY = level && y.place(yOf(level));
      const markers = points.map(entry => ({...placeOf(entry), title: describePoint(entry, axes.y)}));
      chart.append(createSeries(index, markers, levelY));
      if (level) labels.push({x: CHART_RIGHT, y: levelY, text: name, index});
      if (points.length) labels.push({...placeOf(points.at(-1)), text: name, index});
    }
    chart.append(...createSeriesLabels(labels));
    return chart;
  }

  const createXTick = (x, tick) => [
    createSvg('line', {x1: x, x2: x, y1: CHART.top, y2: CHART_BOTTOM, class: 'grid'}),
    createText(x, CHART_BOTTOM + 18, formatTick(tick), {'text-anchor': 'middle'}),
  ];

  const createYTick = (y, tick) => [
    createSvg('line', {x1: CHART.left, x2: CHART_RIGHT, y1: y, y2: y, class: 'grid'}),
    createText(CHART.left - 8, y + 4, formatTick(tick), {'text-anchor': 'end'}),
  ];

  const createAxisTitles = (xTitle, yTitle) => [
    createText((CHART.left + CHART_RIGHT) / 2, CHART.height - 6, xTitle, {'text-anchor': 'middle', class: 'axis'}),
    createText(CHART.left - 8, 10, yTitle, {'text-anchor': 'end', class: 'axis'}),
  ];

  function createSeries(index, markers, levelY) {
    const group = createSvg('g', {class: `series series-${index % SERIES_COLORS}`});
    if (levelY !== undefined) {
      group.append(createSvg('line', {x1: CHART.left, x2: CHART_RIGHT, y1: levelY, y2: levelY, class: 'level'}));
    }
    if (markers.length) {
      const points = markers.map(({x, y}) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
      group.append(createSvg('polyline', {points}));
    }
    for (const {x, y, title} of markers) {
      const attributes = {d: MARKERS[index % MARKERS.length], transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`};
      group.append(createSvg('path', attributes, createSvg('title', {}, title)));
    }
    return group;
  }

  function describePoint(entry, metric) {
    const cost = entry.cost ? `, ${formatNumber(entry.cost.total)} ms` : '';
    return `${entry.label}: ${metrics[metric].label} ${formatNumber(entry.errors[metric])}${cost}`;
  }

  // From top to bottom, moved apart where they would overlap.
  function createSeriesLabels(labels) {
    labels.sort((a, b) => a.y - b.y);
    for (let i = 1; i < labels.length; i++) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + 15);
    return labels.map(({x, y, text, index}) =>
      createText(x + 10, y + 4, text, {class: `series-label series-${index % SERIES_COLORS}`}),
    );
  }

  // ---- cost, settings, command ----

  const TIMERS = {
    'wall clock': 'by the wall clock, as timer queries of a software renderer are of no use',
    'GPU timer': 'by GPU timer queries',
  };

  function writeCost() {
    const section = byId('cost');
    const list = entries.filter(entry => entry.cost);
    if (!list.length) return announceOrRemove(section, 'Cost', 'cost');
    const passes = [...new Set(list.flatMap(entry => Object.keys(entry.cost.passes ?? {})))];
    const max = Math.max(...list.map(entry => entry.cost.total));
    const cell = value => {
      if (typeof value !== 'number') return createElement('td.number.no-value', NO_VALUE);
      const element = createElement('td.number.heat', formatNumber(value));
      element.style.setProperty('--heat', `${Math.round((30 * value) / (max || 1))}%`);
      return element;
    };
    const header = createElement(
      'tr',
      columnHeader('entry'),
      columnHeader('total', {className: 'number'}),
      ...passes.map(pass => columnHeader(pass, {className: 'number pass'})),
    );
    const rows = list.map(({cost}, i) =>
      createElement(
        'tr',
        rowHeader(list[i]),
        createElement('td.number.total', formatNumber(cost.total)),
        ...passes.map(pass => cell(cost.passes?.[pass])),
      ),
    );
    const timer = TIMERS[comparison.timer] ?? `by ${comparison.timer}`;
    section.append(
      createElement('h2', 'Cost'),
      createElement(
        'p',
        `Milliseconds per frame on ${comparison.renderer}, measured ${timer}. ` +
          'Other devices differ, also in which entry is fastest.',
      ),
      createTable('costs', [header], rows),
    );
  }

  function writeSettings() {
    const section = byId('settings');
    const names = [...new Set(entries.flatMap(entry => Object.keys(entry.settings ?? {})))];
    const shared = Object.entries(comparison.settings ?? {}).filter(([name]) => !names.includes(name));
    section.append(createElement('h2', 'Settings'));
    if (names.length) section.append(createEntrySettings(names));
    const rows = shared.map(([name, value]) =>
      createElement('tr', settingHeader(name), createElement('td', formatSetting(value))),
    );
    section.append(createDetails(`Shared settings (${shared.length})`, createTable('settings', [], rows)));
  }

  const settingHeader = name => createElement('th', {scope: 'row'}, createElement('code', name));

  // Settings of single entries; rows in which they differ are marked.
  function createEntrySettings(names) {
    const valueOf = (entry, name) =>
      entry.settings && name in entry.settings ? formatSetting(entry.settings[name]) : null;
    const differs = name =>
      new Set(entries.map(entry => valueOf(entry, name)).filter(value => value !== null)).size > 1;
    const cell = (entry, name) => {
      const shared =
        name in (comparison.settings ?? {})
          ? formatSetting(comparison.settings[name])
          : createElement('span.no-value', NO_VALUE);
      return createElement('td', valueOf(entry, name) ?? shared);
    };
    const header = createElement('tr', columnHeader('parameter'), ...entries.map(entry => columnHeader(entry.id)));
    const rows = names.map(name =>
      createElement(
        differs(name) ? 'tr.differs' : 'tr',
        settingHeader(name),
        ...entries.map(entry => cell(entry, name)),
      ),
    );
    const note = createElement('p.small', 'Rows in which entries differ are marked.');
    const details = createDetails('Settings of each entry', createTable('settings', [header], rows), note);
    details.open = names.length < 8;
    return details;
  }

  function createCopyButton(code) {
    const button = createElement('button', {type: 'button'}, 'Copy');
    button.onclick = async () => {
      try {
        await navigator.clipboard.writeText(comparison.command);
        button.textContent = 'Copied';
      } catch {
        // not permitted: select the text for Ctrl+C
        getSelection().selectAllChildren(code);
        button.textContent = 'Selected';
      }
      setTimeout(() => {
        button.textContent = 'Copy';
      }, 1500);
    };
    return button;
  }

  function createFileList(list) {
    // "./" keeps a name with a colon from being read as a URL's scheme.
    const link = ([kind, file]) =>
      createElement('a', {href: encodeURI(file).replace(/^(?=[^/]*:)/, './')}, kind.toUpperCase());
    const items = list.map(entry =>
      createElement('li', entry.label, ' ', ...Object.entries(entry.files).flatMap(file => [' ', link(file)])),
    );
    return createDetails('Files beside this page', createElement('ul.files', ...items));
  }

  // How coarsely the pixels of this page are rounded.
  function describePrecision() {
    const precision = (component, label) => {
      const name = entries[0]?.layers[component];
      return name ? `${label} to 1 in ${(2 ** (layers[name].bits + 1)).toLocaleString('en')}` : null;
    };
    const parts = [precision('final', 'the final image'), precision('direct', 'its components')].filter(Boolean);
    return `Pixels on this page are rounded: ${parts.join(', ')}. The tables were computed before rounding.`;
  }

  function writeCommand() {
    const section = byId('command');
    const code = createElement('code', comparison.command);
    section.append(
      createElement('h2', 'Command'),
      createElement('div.command', createElement('pre', {tabIndex: 0}, code), createCopyButton(code)),
    );
    const list = entries.filter(entry => Object.keys(entry.files ?? {}).length);
    if (list.length) section.append(createFileList(list));
    section.append(createElement('p.small', describePrecision()));
  }

  // ---- drafts ----

  const VIEW_KEY = `ssdo ${location.pathname}`;

  // A draft reloads itself: the page that replaces it goes on with the same view.
  function keepViewOverReload() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(VIEW_KEY));
      sessionStorage.removeItem(VIEW_KEY);
      const isOfThisPage = kept && SIDES.every(side => entries[kept[side].entry]?.id === kept.ids[side]);
      if (isOfThisPage) for (const name of Object.keys(state)) state[name] = kept[name] ?? state[name];
    } catch {
      // the browser keeps nothing for this page
    }
    if (!comparison.draft || comparison.draft.stopped) return;
    addEventListener('pagehide', () => {
      const ids = Object.fromEntries(SIDES.map(side => [side, entries[state[side].entry].id]));
      try {
        sessionStorage.setItem(VIEW_KEY, JSON.stringify({...state, errorMax: null, holding: false, autoLeft: false, ids}));
      } catch {
        // as above
      }
    });
  }

  keepViewOverReload();
  connectSideMenus();
  connectViewControls();
  connectDisplayControls();
  returnFocusToStage();
  connectKeys();
  writeHeading();
  writeErrorSection();
  writeErrorBreakdown();
  writeChart();
  writeCost();
  writeSettings();
  writeCommand();
  update();
})();
