// SimplexPlayground: a target on the simplex, and three rules that walk to it.
// The model holds target, lrs, noise, seed, steps, step (see playground.py). First the
// formulas of gaea_mini/simplex, tested to give the same numbers; then what draws.

// Standard normal numbers; playground.py draws the same ones.
export function normals(seed, count) {
  let state = seed >>> 0;
  const one = () => {
    state = (Math.imul(state, 747796405) + 2891336453) >>> 0;
    const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
    return (((word >>> 22) ^ word) >>> 0) / 2 ** 32 + 0.5 / 2 ** 32;
  };
  return Float64Array.from({ length: count }, () =>
    Math.sqrt(-2 * Math.log(one())) * Math.cos(2 * Math.PI * one()));
}

export function softmax(alpha) {
  const top = Math.max(...alpha), powers = alpha.map((a) => Math.exp(a - top));
  const total = sum(powers);
  return powers.map((p) => p / total);
}

// The nearest point of the simplex: max(v - tau, 0), tau found by sorting.
export function project(v) {
  const top = Math.max(...v), row = v.map((x) => Math.max(x - top, -1));
  let excess = -1, tau = 0;
  [...row].sort((a, b) => b - a).forEach((x, i) => {
    excess += x;
    if (x * (i + 1) > excess) tau = excess / (i + 1);
  });
  return row.map((x) => Math.max(x - tau, 0));
}

// theta' proportional to theta exp(-lr g), with logarithms; a weight of 0 stays 0.
export const egStep = (theta, grad, lr) =>
  softmax(theta.map((t, o) => Math.log(t) - lr * grad[o]));

export const projectedStep = (theta, grad, lr) =>
  project(theta.map((t, o) => t - lr * grad[o]));

// On logits: alpha' = alpha - lr theta (g - <theta, g>).
export function logitStep(alpha, grad, lr) {
  const theta = softmax(alpha), mean = sum(theta.map((t, o) => t * grad[o]));
  return alpha.map((a, o) => a - lr * theta[o] * (grad[o] - mean));
}

export const distance = (a, b) => Math.hypot(...a.map((x, o) => x - b[o]));

const same = (state) => state, logs = (theta) => theta.map(Math.log);
export const RULES = [{ start: same, step: egStep, read: same },
  { start: same, step: projectedStep, read: same }, { start: logs, step: logitStep, read: softmax }];

// Where each rule stands after 0, 1, ... steps, from equal weights. The loss is half
// the squared distance to the target; every rule sees the same noise.
export function walks(target, lrs, noise, seed, steps) {
  const k = target.length, draws = noise ? normals(seed, steps * k) : null;
  return RULES.map((rule, r) => {
    let state = rule.start(target.map(() => 1 / k));
    const path = [rule.read(state)];
    for (let n = 0; n < steps; n++) {
      const theta = path[n];
      const grad = theta.map((t, o) => t - target[o] + (draws ? noise * draws[n * k + o] : 0));
      state = rule.step(state, grad, lrs[r]);
      path.push(rule.read(state));
    }
    return path;
  });
}

// The target for another number of weights: its first three, and zeros behind them.
export function resize(target, k) {
  const kept = target.slice(0, Math.min(3, k)), total = sum(kept);
  return Array.from({ length: k }, (_, o) => (total > 1e-9 ? (kept[o] ?? 0) / total : +(o === 0)));
}

// The triangle in pixels, third weight on top, and back to the nearest weights.
const LEFT = 30, SIDE = 300, BOTTOM = 292, TALL = SIDE * Math.sqrt(0.75);
export const place = ([, b, c]) => [LEFT + SIDE * (b + c / 2), BOTTOM - TALL * c];
export function unplace(x, y) {
  const c = (BOTTOM - y) / TALL, b = (x - LEFT) / SIDE - c / 2;
  return project([1 - b - c, b, c]);
}

// Steps taken after some seconds: all in 8 s; with reduced motion two jumps a second.
export function advance(t, seconds, steps, reduced) {
  if (!reduced) return Math.min(steps, t + seconds * steps / 8);
  return Math.min(steps, Math.floor(t) + Math.floor(seconds * 2) * Math.ceil(steps / 40));
}

// A step size from the place of its slider, two digits.
export const toLr = (x) => +(10 ** x).toPrecision(2);

// ---- drawing -------------------------------------------------------------------------
const SHAPES = { o: "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1 -5 0",
  s: "M-4.5 -4.5H4.5V4.5H-4.5Z", D: "M0 -6L6 0L0 6L-6 0Z" };

const line = (points) => points.map(([x, y], i) =>
  `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const stroke = (rule) => ({ stroke: rule.colour, "stroke-dasharray": rule.dash, fill: "none" });
const mark = (rule) => s("path", { class: "pg-mark", d: SHAPES[rule.marker], fill: rule.colour });
const listed = (target) => (target.length > 4 ? `${target.length} weights, the largest `
  + `${Math.max(...target).toFixed(2)} on operation ${target.indexOf(Math.max(...target)) + 1}`
  : target.map((x) => x.toFixed(2)).join(", "));

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// A handle follows the pointer, in units of the drawing, and the arrow keys.
function drag(svg, zone, handle, may, point, nudge) {
  const go = (event) => {
    const box = svg.getBoundingClientRect(), scale = 360 / box.width;
    point((event.clientX - box.left) * scale, (event.clientY - box.top) * scale, event.type === "pointerdown");
  };
  // Inside a drawing the style touch-action does not stop the page from scrolling.
  handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  zone.addEventListener("pointerdown", (event) => {
    if (!may(event)) return;
    zone.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    event.preventDefault();
    go(event);
  });
  zone.addEventListener("pointermove", (event) => zone.hasPointerCapture(event.pointerId) && go(event));
  handle.addEventListener("keydown", (event) => {
    if (!WAYS[event.key]) return;
    event.preventDefault();
    nudge(WAYS[event.key], event.shiftKey ? 5 : 1);
  });
  return go;
}

// Three weights: a triangle with a handle for the target.
function triangle(rules, names, now, move) {
  const corners = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map(place), start = place([1 / 3, 1 / 3, 1 / 3]);
  const handle = s("g", { class: "pg-handle", tabindex: 0, role: "slider", "aria-label":
    "Target; the arrow keys move it", "aria-valuemin": 0, "aria-valuemax": 1 },
    s("circle", { r: 24, class: "pg-grip" }), s("path", { d: "M-9 0H9M0 -9V9" }), s("circle", { r: 11 }));
  const lines = rules.map((rule) => [s("path", { class: "pg-future", ...stroke(rule) }),
    s("path", { class: "pg-past", ...stroke(rule) }), mark(rule)]);
  const svg = s("svg", { viewBox: "0 0 360 330", role: "group", class: "pg-view",
    "aria-label": "Triangle of three weights with the path of each rule and the target" },
    s("path", { class: "pg-field", d: `${line(corners)}Z` }),
    s("circle", { class: "pg-start", cx: start[0], cy: start[1], r: 4 }),
    s("text", { x: start[0] + 9, y: start[1] - 4 }, "start"),
    ...lines.flat(), handle,
    ...names.map((name, i) => s("text", { x: corners[i][0], y: corners[i][1] + (i < 2 ? 22 : -10),
      "text-anchor": i < 2 ? ["start", "end"][i] : "middle", dx: [-LEFT / 2, LEFT / 2, 0][i] }, name)));
  // A finger drags the handle only; elsewhere it scrolls the page, or taps.
  const go = drag(svg, svg, handle,
    (event) => event.pointerType !== "touch" || handle.contains(event.target),
    (x, y) => move({ target: unplace(x, y) }),
    ([dx, dy], far) => {
      const [x, y] = place(now.target);
      move({ target: unplace(x + 6 * far * dx, y - 6 * far * dy) });
    });
  svg.addEventListener("click", go);
  return { el: svg, draw(target, paths, t) {
    set(handle, { transform: `translate(${place(target)})`, "aria-valuenow": target[0].toFixed(2),
      "aria-valuetext": names.map((name, i) => `${name} ${target[i].toFixed(2)}`).join(", ") });
    lines.forEach(([future, past, dot], r) => {
      const points = paths[r].map(place);
      [[future, { d: line(points) }], [past, { d: line(points.slice(0, t + 1)) }],
        [dot, { transform: `translate(${points[t]})` }]].forEach((pair) => set(...pair));
    });
  } };
}

// More weights: one row of bars for the target, which can be dragged, and one a rule.
function bars(rules, k, now, move) {
  const wide = 340 / k, base = [78, 158, 238, 318], tall = 58;
  const row = (r, attributes) => Array.from({ length: k }, (_, o) => s("rect",
    { x: 10 + wide * (o + 0.1), width: wide * 0.8, y: base[r], height: 0, ...attributes }));
  const goal = row(0, { class: "pg-goal" });
  const ticks = rules.map((_, r) => s("path", { class: "pg-tick" }));
  const rows = rules.map((rule, r) => row(r + 1, { fill: rule.colour }));
  const pick = s("path", { class: "pg-pick", d: `M${-wide * 0.5} 4H${wide * 0.5}` });
  const area = s("rect", { class: "pg-grip", x: 10, y: base[0] - tall - 4, width: 340, height: tall + 14 });
  const handle = s("g", { class: "pg-handle pg-row", tabindex: 0, role: "slider", "aria-valuemin": 0,
    "aria-valuemax": 1, "aria-label":
    "Target; left and right arrow choose an operation, up and down change its weight" }, area, ...goal, pick);
  const svg = s("svg", { viewBox: "0 0 360 330", role: "group", class: "pg-view",
    "aria-label": `${k} weights as bars: the target, and where each rule stands` },
    ...["target", ...rules.map((rule) => rule.name)].flatMap((name, r) => [
      s("path", { class: "pg-base", d: `M10 ${base[r]}H350` }),
      s("text", { x: 350, y: base[r] - tall + 4, "text-anchor": "end" }, name)]),
    handle, ...rows.flat(), ...ticks);
  let at = 0;
  drag(svg, handle, handle, () => true, (x, y, down) => {
    if (down) at = clamp(Math.floor((x - 10) / wide), 0, k - 1);
    move({ target: setWeight(now.target, at, (base[0] - y) / tall) });
  }, ([dx, dy], far) => {
    at = clamp(at + dx, 0, k - 1);
    move({ target: dy ? setWeight(now.target, at, now.target[at] + 0.02 * far * dy) : now.target });
  });
  const grow = (rects, r, values) => rects.forEach((one, o) =>
    set(one, { y: (base[r] - tall * values[o]).toFixed(1), height: (tall * values[o]).toFixed(1) }));
  return { el: svg, draw(target, paths, t) {
    set(handle, { "aria-valuenow": target[at].toFixed(2),
      "aria-valuetext": `operation ${at + 1} of ${k}: ${target[at].toFixed(2)}` });
    set(pick, { transform: `translate(${10 + wide * (at + 0.5)} ${base[0]})` });
    grow(goal, 0, target);
    rows.forEach((rects, r) => grow(rects, r + 1, paths[r][t]));
    ticks.forEach((tick, r) => set(tick, { d: target.map((x, o) => (x < 0.005 ? ""
      : `M${10 + wide * o} ${base[r + 1] - tall * x}h${wide}`)).join("") }));
  } };
}

// Curves over the steps. kind: how a value becomes a height between 0 and 1.
function chart(rules, heading, kind) {
  const svg = s("svg", { class: "pg-chart", role: "img" });
  let wide = 320;
  const x = (n, steps) => 46 + (wide - 60) * n / steps, y = (v) => 130 - 118 * kind.height(v);
  return { el: h("figure", {}, h("figcaption", {}, heading), svg), lay(width) { wide = Math.max(220, width); },
    draw(series, steps, t, levels) {
      set(svg, { viewBox: `0 0 ${wide} 156`, "aria-label": `${heading} over the steps. ` + rules.map(
        (rule, r) => `${rule.name}: at first ${series[r][0].toFixed(3)}, at step ${t} `
          + series[r][t].toFixed(3)).join("; ") });
      const points = series.map((row) => row.map((v, n) => [x(n, steps), y(v)]));
      svg.replaceChildren(
        ...kind.ticks.flatMap(([v, text]) => [s("path", { class: "pg-grid", d: `M46 ${y(v)}H${wide - 14}` }),
          s("text", { x: 40, y: y(v) + 4, "text-anchor": "end" }, text)]),
        ...levels.flatMap(([v, text]) => [s("path", { class: "pg-level", d: `M46 ${y(v)}H${wide - 14}` }),
          s("text", { x: wide - 14, y: y(v) + (kind.height(v) < 0.15 ? -5 : 14), "text-anchor": "end" }, text)]),
        ...[0, 0.25, 0.5, 0.75, 1].map((part) => s("text", { x: x(part * steps, steps), y: 150,
          "text-anchor": "middle" }, String(Math.round(part * steps)))),
        s("path", { class: "pg-rule", d: `M${x(t, steps)} 8V130` }),
        ...rules.flatMap((rule, r) => [
          s("path", { class: "pg-future", ...stroke(rule), d: line(points[r]) }),
          s("path", { class: "pg-past", ...stroke(rule), d: line(points[r].slice(0, t + 1)) }),
          set(mark(rule), { transform: `translate(${points[r][t]})` })]));
    } };
}

const LOG = { height: (v) => clamp(1 + Math.log10(Math.max(v, 1e-4)) / 4, 0, 1),
  ticks: [[1, "1"], [0.1, "0.1"], [0.01, "0.01"], [1e-3, "0.001"], [1e-4, "0.0001"]] };
const linear = (high) => ({ height: (v) => v / high,
  ticks: [0, 1, 2, 3, 4].filter((v) => v <= high).map((v) => [v, String(v)]) });

// ---- the widget ----------------------------------------------------------------------
const KEYS = ["target", "lrs", "noise", "seed", "step"];
const stateOf = (model) => Object.fromEntries(KEYS.map((key) => [key, model.get(key)]));

function build(model, el, first, keep) {
  const rules = model.get("rules"), names = model.get("names"), steps = model.get("steps");
  const now = stateOf(model), k = now.target.length;
  const clock = { playing: false, before: 0, next: 0, t: now.step }, paint = painter(draw);
  let paths, away, spread;
  const view = k === 3 ? triangle(rules, names, now, change) : bars(rules, k, now, change);
  const charts = [chart(rules, "Distance to the target", LOG),
    chart(rules, "Entropy, nats", linear(Math.log(k)))];
  const when = (made, event, act) => { made.addEventListener(event, () => act(+made.value)); return made; };
  const input = (attributes, event, act) => when(h("input", attributes), event, act);
  const button = (name, title, act) => when(h("button", { type: "button", title }, name), "click", act);
  const number = () => h("output", { "aria-hidden": "true" });
  const cards = rules.map((rule, r) => {
    const slider = input({ type: "range", min: -3, max: 2, step: 0.1, "aria-label": `Step size of ${rule.name}` },
      "input", (x) => change({ lrs: now.lrs.map((old, i) => (i === r ? toLr(x) : old)) }));
    const lr = number(), far = h("b"), nats = h("b");
    return { slider, lr, far, nats, el: h("div", { class: "pg-card" },
      h("p", {}, s("svg", { viewBox: "0 0 36 14", "aria-hidden": "true" },
        s("path", { d: "M1 7H35", ...stroke(rule) }), set(mark(rule), { transform: "translate(18 7)" })), rule.name),
      h("label", {}, "step size", slider, lr), h("p", { class: "gw-note" },
        h("span", {}, "distance ", far), h("span", {}, "entropy ", nats))) };
  });
  const read = h("p", { class: "pg-read", "aria-live": "polite" });
  const playing = button("Play", "take the steps one after another", () => {
    if (clock.playing) seek(clock.t); else { clock.t %= steps; play(true); }
  });
  const one = button("Step", "take one step", () => seek(Math.floor(clock.t) + 1));
  const reset = button("Reset", "everything as it was at first", () => { seek(first.step); change(first); });
  const slider = input({ type: "range", min: 0, max: steps, step: 1, "aria-label": "Steps taken" }, "input", seek);
  const sizes = [...new Set([3, 4, 8, 16, 32, 64, k])].sort((a, b) => a - b);
  const size = when(h("select", { "aria-label": "Number of weights" }, ...sizes.map((n) => h("option", { value: n }, String(n)))), "change",
    (n) => change({ target: resize(now.target, n) }));
  size.value = k;
  const noise = input({ type: "range", min: 0, max: 2, step: 0.05, "aria-label": "Noise" }, "input",
    (value) => change({ noise: value }));
  const count = number(), loud = number();
  const seed = input({ type: "number", min: 0, max: 9999, step: 1 }, "change",
    (value) => change({ seed: clamp(Math.round(value) || 0, 0, 9999) }));
  const root = h("div", { class: "gw pg", role: "group", "aria-label": "Simplex playground" },
    h("div", { class: "pg-top" }, h("figure", {},
      h("figcaption", {}, k === 3 ? "Weights: drag the target" : `${k} weights: drag the target's bars`), view.el),
      h("div", { class: "pg-charts" }, ...charts.map((part) => part.el))),
    h("div", { class: "pg-cards" }, ...cards.map((card) => card.el)), read,
    h("div", { class: "gw-row pg-run" }, playing, one, reset, h("label", { class: "pg-clock" }, "step", slider, count)),
    h("div", { class: "gw-row" }, h("label", {}, "weights", size), h("label", {}, "seed", seed),
      h("label", { class: "pg-noise" }, "noise", noise, loud)));
  el.replaceChildren(root);

  function compute() {
    paths = walks(now.target, now.lrs, now.noise, now.seed, steps);
    away = paths.map((path) => path.map((theta) => distance(theta, now.target)));
    spread = paths.map((path) => path.map(entropy));
    paint.ask();
  }
  const resized = new ResizeObserver(relay);
  function relay() { charts.forEach((part) => part.lay(part.el.clientWidth)); paint.ask(); }
  function draw() {
    const t = Math.floor(clock.t + 1e-9), f = (v) => v.toFixed(3);
    view.draw(now.target, paths, t);
    charts[0].draw(away, steps, t, []);
    charts[1].draw(spread, steps, t, [[entropy(now.target), "target"]]);
    cards.forEach((card, r) => {
      set(card.slider, { "aria-valuetext": String(now.lrs[r]) });
      if (toLr(+card.slider.value) !== now.lrs[r]) card.slider.value = Math.log10(now.lrs[r]);
      [[card.lr, String(now.lrs[r])], [card.far, f(away[r][t])], [card.nats, f(spread[r][t])]]
        .forEach((pair) => setText(...pair));
    });
    slider.value = t;
    setText(count, `${t} / ${steps}`);
    noise.value = now.noise;
    setText(loud, now.noise.toFixed(2));
    if (document.activeElement !== seed || !seed.value) seed.value = now.seed;
    if (clock.playing) return;
    setText(read, `Target ${listed(now.target)}. After ${t} ${t === 1 ? "step" : "steps"} the distance to it is `
      + rules.map((rule, r) => `${f(away[r][t])} for ${rule.name}`).join(", ") + ".");
  }
  function change(values) {
    Object.assign(now, values);
    if (now.target.length === k) compute();
    keep.set(values); // with another number of weights the widget is built anew
  }
  function play(on) {
    Object.assign(clock, { playing: on, before: performance.now() });
    setText(playing, on ? "Pause" : "Play");
    cancelAnimationFrame(clock.next);
    if (on) clock.next = requestAnimationFrame(frame);
    else keep.set({ step: now.step = clock.t });
  }
  function seek(t) { clock.t = clamp(Math.floor(t), 0, steps); play(false); paint.ask(); }
  function frame(time) {
    if (!clock.playing) return;
    const t = advance(clock.t, clamp((time - clock.before) / 1000, 0, 1), steps,
      matchMedia("(prefers-reduced-motion: reduce)").matches);
    if (t > clock.t) { Object.assign(clock, { before: time, t }); paint.now(); }
    if (t >= steps) seek(steps); else clock.next = requestAnimationFrame(frame);
  }
  // What a kernel assigned.
  function follow() {
    if (KEYS.every((key) => model.get(key) === now[key])) return;
    const moved = model.get("step") !== now.step;
    Object.assign(now, stateOf(model));
    if (moved) seek(now.step);
    if (now.target.length === k) compute();
  }
  KEYS.forEach((key) => model.on(`change:${key}`, follow));
  resized.observe(root);
  [compute, relay, paint.now].forEach((part) => part());
  return () => {
    cancelAnimationFrame(clock.next);
    paint.close();
    resized.disconnect();
    KEYS.forEach((key) => model.off(`change:${key}`, follow));
  };
}

function render({ model, el }) {
  const first = stateOf(model), keep = keeper(model);
  let close = build(model, el, first, keep), k = first.target.length;
  const again = () => {
    if (model.get("target").length === k) return;
    const held = el.contains(document.activeElement);
    k = model.get("target").length;
    close();
    close = build(model, el, first, keep);
    if (held) el.querySelector("select").focus();
  };
  model.on("change:target", again);
  return () => { model.off("change:target", again); close(); keep.close(); };
}

export default { render };
