// RankScatter: every cell with shared weights against the same cell trained alone.
// The model holds table (edges, layout, operations, digits, truth), runs (method, colour,
// dash, counts, chosen), pictures, ceiling; and method, epoch, k, cell, which the reader
// moves (see rank_scatter.py). First the pure functions, tested under node.

// Whole numbers of two bytes, as base64, in rows of `width`.
export function decode(text, width) {
  const bytes = atob(text), all = Uint16Array.from({ length: bytes.length / 2 }, (_, i) =>
    bytes.charCodeAt(2 * i) + 256 * bytes.charCodeAt(2 * i + 1));
  return Array.from({ length: all.length / width }, (_, t) => all.subarray(t * width, (t + 1) * width));
}

// Kendall's tau-b: pairs in the same order less those in the other, over the geometric
// mean of the pairs that are not tied in a and of those not tied in b.
export function kendall(a, b) {
  let sum = 0, apart = 0, also = 0;
  for (let i = 0; i < a.length; i++) {
    for (let j = i + 1; j < a.length; j++) {
      const x = Math.sign(a[i] - a[j]), y = Math.sign(b[i] - b[j]);
      sum += x * y;
      apart += x * x;
      also += y * y;
    }
  }
  return apart && also ? sum / Math.sqrt(apart * also) : null;
}

// The k-th highest value.
export const line = (values, k) => Float64Array.from(values).sort()[values.length - k];

// For each value the chance to be among the k highest when ties are drawn.
export function among(values, k) {
  const edge = line(values, k);
  let above = 0, tied = 0;
  values.forEach((v) => { above += v > edge; tied += v === edge; });
  return Array.from(values, (v) => (v > edge ? 1 : v === edge ? (k - above) / tied : 0));
}

// Part of the k truly best that are among the k of highest score.
export function recall(scores, truth, k) {
  const first = among(scores, k), second = among(truth, k);
  return first.reduce((sum, x, i) => sum + x * second[i], 0) / k;
}

// Best and worst place of a value among all; they differ where others are equal to it.
export function rank(values, i) {
  let above = 0, same = 0;
  values.forEach((v) => { above += v > values[i]; same += v === values[i]; });
  return [above + 1, above + same];
}

// The next cell by rising value; cells of one value come in the order of their numbers.
export function step(values, i, by) {
  const order = Array.from(values, (_, j) => j).sort((p, q) => values[p] - values[q] || p - q);
  return order[clamp(order.indexOf(i) + by, 0, order.length - 1)];
}

// The point nearest to (x, y) within reach; -1 where there is none.
export function nearest(xs, ys, x, y, reach) {
  let found = -1, best = reach * reach;
  for (let i = 0; i < xs.length; i++) {
    const far = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
    if (far <= best) [found, best] = [i, far];
  }
  return found;
}

// Where the clock stands after some seconds: two epochs a second, or all in 12 seconds.
// Where less motion is asked for it jumps from state to state.
export function advance(t, seconds, last, reduced) {
  if (!reduced) return Math.min(last, t + seconds * Math.max(2, last / 12));
  return Math.min(last, Math.floor(t) + Math.floor(seconds * 2) * Math.ceil(last / 40));
}

// ---- drawing -------------------------------------------------------------------------

const places = ([first, last]) => (first === last ? String(first) : `${first} to ${last}`);

// Curves of all runs over the epochs. A pointer on them moves the epoch.
function chart(runs, last, heading, levels, seek) {
  const svg = s("svg", { class: "rs-chart", role: "img" }), name = h("figcaption", {}, heading);
  const left = 34, top = 10, tall = 138, bottom = 22;
  const rule = s("path", { class: "rs-rule" });
  let wide = 320, drawn = "";
  const x = (t) => left + (wide - left - 10) * (last ? t / last : 0);
  const point = (event) => {
    if (event.buttons) seek(Math.round((event.clientX - svg.getBoundingClientRect().left - left) / (wide - left - 10) * last));
  };
  svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); point(event); });
  svg.addEventListener("pointermove", point);
  return { el: h("figure", {}, name, svg), name, lay() { wide = Math.max(200, svg.clientWidth); },
    draw(series, at, t, epoch) {
      set(rule, { d: `M${x(t)} ${top}V${tall - bottom}` });
      // Between two epochs nothing else moves.
      const key = [name.textContent, at, epoch, wide].join();
      if (drawn === key) return;
      drawn = key;
      const low = Math.min(0, ...series.flat().filter((v) => v !== null));
      const y = (v) => top + (tall - top - bottom) * (1 - v) / (1 - low), known = series[at][epoch];
      set(svg, { viewBox: `0 0 ${wide} ${tall}`, "aria-label": `${name.textContent} over the epochs. ` + runs.map((run, r) =>
        `${run.method}: ${[0, epoch, last].map((n) => `${series[r][n] === null ? "none" : +series[r][n].toFixed(2)} at ${n}`).join(", ")}`).join("; ") });
      svg.replaceChildren(
        ...ticks(low, 1, 4).flatMap((v) => [s("path", { class: "rs-grid", d: `M${left} ${y(v)}H${wide - 10}` }),
          s("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, String(v))]),
        ...ticks(0, last, wide / 90).filter(Number.isInteger).map((v) =>
          s("text", { x: x(v), y: tall - 6, "text-anchor": "middle" }, String(v))),
        ...levels.flatMap(([v, text]) => [s("path", { class: "rs-level", d: `M${left} ${y(v)}H${wide - 10}` }),
          s("text", { x: left + 4, y: y(v) - 5 }, text)]),
        rule, ...runs.map((run, r) => s("path", { class: r === at ? "rs-now" : "rs-other", stroke: run.colour, "stroke-dasharray": run.dash,
          d: linePath(series[r], x, y) })),
        ...(known === null ? [] : [s("circle", { cx: x(epoch), cy: y(known), r: 4, fill: runs[at].colour })]));
    } };
}

// ---- the widget ----------------------------------------------------------------------
const KEYS = ["method", "epoch", "k", "cell"];
const stateOf = (model) => Object.fromEntries(KEYS.map((key) => [key, model.get(key)]));

function build(model, el) {
  const table = model.get("table"), runs = model.get("runs"), pictures = model.get("pictures");
  const count = table.truth.length, truth = Float64Array.from(table.truth, (v) => v / 1e4);
  const counts = runs.map((run) => decode(run.counts, count)), last = counts[0].length - 1;
  const taus = counts.map((states) => states.map((one) => kendall(one, table.truth)));
  const reach = [Math.min(...truth), Math.max(...truth)];
  const now = stateOf(model), scores = new Float64Array(count);
  const clock = { t: now.epoch, playing: false, before: 0, next: 0 };
  const keep = keeper(model), paint = painter(draw);
  const at = () => runs.findIndex((run) => run.method === now.method);
  const epochNow = () => Math.floor(clock.t + 1e-9);
  let hover = -1, xs = [], ys = [], recalls, recalled = 0;

  const button = (name, act, attributes = {}) => {
    const made = h("button", { type: "button", ...attributes }, name);
    made.addEventListener("click", act);
    return made;
  };
  const methods = runs.map((run) => button(run.method, () => change({ method: run.method })));
  methods.forEach((one, r) => one.prepend(s("svg", { viewBox: "0 0 24 8", "aria-hidden": "true" },
    s("path", { d: "M1 4H23", stroke: runs[r].colour, "stroke-dasharray": runs[r].dash }))));
  const playing = button("Play", () => {
    if (clock.playing) seek(epochNow()); else { if (clock.t >= last) clock.t = 0; play(true); }
  });
  const slider = h("input", { type: "range", min: 0, max: last, step: 1, "aria-label": "Epoch" });
  const number = h("output", { "aria-hidden": "true" });
  slider.addEventListener("input", () => seek(+slider.value));
  const best = h("select", {}, ...options([...new Set([1, 5, 10, 20, 50, 100, 200, now.k])].filter((v) => v <= count).sort((a, b) => a - b).map((v) => [v])));
  best.addEventListener("change", () => change({ k: +best.value }));

  // A point is a line of no length with round ends. Its place is no style, as that of a
  // circle is, and hundreds move in half the time.
  const points = Array.from(truth, () => s("polyline"));
  const across = s("path", { class: "rs-level" }), up = s("path", { class: "rs-level" }), below = s("g"), beside = s("g");
  const back = s("path", { class: "rs-back", d: "M0.0 -9.0L2.4 -3.2L8.6 -2.8L3.8 1.2L5.3 7.3L0.0 4.0L-5.3 7.3L-3.8 1.2L-8.6 -2.8L-2.4 -3.2Z" });
  const ring = s("g", { class: "rs-ring", tabindex: 0, role: "slider", "aria-valuemin": 1, "aria-valuemax": count,
    "aria-label": "Cell; left and right go by accuracy alone, up and down by accuracy with shared weights" },
    s("circle", { r: 15, class: "rs-grip" }), s("circle", { r: 7 }));
  const svg = s("svg", { class: "rs-view", role: "group", "aria-label":
    `${count} cells: accuracy alone to the right, accuracy with shared weights upwards` }, below, beside, across, up, s("g", {}, ...points), back, ring);
  const cloud = h("figure", { class: "rs-cloud" }, h("figcaption", {}, "Accuracy with shared weights, %"), svg,
    h("p", { class: "gw-note rs-under" }, "accuracy alone, %"));
  const note = h("p", { class: "gw-note" });

  const view = cellView(table), facts = h("p", { class: "rs-facts" }), code = h("code");
  const pick = (name, title, which) => button(name, () => change({ cell: which() }), { title });
  const chosen = () => runs[at()].chosen[epochNow()] ?? -1;
  const first = (values) => values.indexOf(Math.max(...values));
  const handed = pick("Handed back", "the cell that the search would hand back after this epoch", chosen);
  const side = h("div", { class: "rs-side" }, h("p", { class: "rs-name" }), view.el, facts, code, h("div", { class: "gw-row" },
    pick("Best alone", "the cell with the best accuracy alone", () => first(truth)),
    pick("Best shared", "the cell with the best accuracy with shared weights", () => first(counts[at()][epochNow()])), handed));
  const read = h("p", { class: "rs-read", "aria-live": "polite" });
  const ceiling = model.get("ceiling");
  const charts = [chart(runs, last, "Kendall's τ", ceiling === null ? [] : [[ceiling, "two trainings"]], seek),
    chart(runs, last, "", [], seek)];
  const root = h("div", { class: "gw rs", role: "group", "aria-label": "Shared weights against training alone" },
    h("div", { class: "gw-row" }, ...methods, h("label", {}, "best k", best)),
    h("div", { class: "gw-row rs-clock" }, playing, h("label", {}, "Epoch", slider, number)), read,
    h("div", { class: "rs-top" }, cloud, side), note, h("div", { class: "rs-charts" }, ...charts.map((one) => one.el)));
  el.replaceChildren(root);

  const to = ([low, high], a, b) => (v) => a + (b - a) * (v - low) / (high - low || 1);
  // Places that depend on the width alone.
  function lay() {
    const wide = Math.max(240, svg.clientWidth), tall = clamp(wide * 0.8, 250, 420), left = 34;
    const x = to(reach, left + 12, wide - 14);
    svg.px = { x, wide, tall, left };
    set(svg, { viewBox: `0 0 ${wide} ${tall}` });
    below.replaceChildren(...ticks(...reach, wide / 80).map((v) =>
      s("text", { x: x(v), y: tall - 6, "text-anchor": "middle" }, String(v))));
    xs = Array.from(truth, x);
    points.forEach((point) => set(point, { "stroke-width": wide < 340 ? 4.8 : 6 }));
    charts.forEach((one) => one.lay());
  }
  function draw() {
    const r = at(), epoch = epochNow(), part = clock.t - epoch, { x, wide, tall, left } = svg.px;
    const a = counts[r][epoch], b = counts[r][Math.min(last, epoch + 1)];
    for (let i = 0; i < count; i++) scores[i] = 100 / pictures * (a[i] + part * (b[i] - a[i]));
    // Upwards the axis follows the cloud, which is far flatter than its way up.
    const span = [Math.min(...scores), Math.max(...scores)], y = to(span, tall - 34, 14);
    beside.replaceChildren(...ticks(...span, 5).flatMap((v) => [s("path", { class: "rs-grid", d: `M${left} ${y(v)}H${wide}` }),
      s("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, String(v))]));
    const edges = [line(truth, now.k), line(scores, now.k)];
    ys = Array.from(scores, y);
    points.forEach((point, i) => {
      const u = xs[i], v = ys[i].toFixed(1);
      point.setAttribute("points", `${u.toFixed(2)},${v} ${(u + 0.05).toFixed(2)},${v}`);
      const hit = truth[i] >= edges[0] && scores[i] >= edges[1] ? "rs-hit" : "rs-miss";
      if (point.getAttribute("class") !== hit) point.setAttribute("class", hit);
    });
    set(up, { d: `M${x(edges[0])} 4V${tall - 24}` });
    set(across, { d: `M${left} ${y(edges[1])}H${wide}` });
    const own = chosen();
    set(back, { fill: runs[r].colour, display: own < 0 ? "none" : "inline", transform: own < 0 ? "" : `translate(${xs[own]} ${ys[own]})` });
    handed.disabled = own < 0;
    if (recalled !== now.k) {
      recalls = counts.map((states) => states.map((one) => recall(one, table.truth, now.k)));
      recalled = now.k;
      setText(charts[1].name, `Recall of the best ${now.k}`);
      setText(note, `Dashed lines cut off the best ${now.k} in each direction; blue cells are best in both. A star is the cell `
        + "that the search hands back. The axis upwards follows the cloud. A click keeps a cell; arrow keys go on from it.");
    }
    charts.forEach((one, i) => one.draw([taus, recalls][i], r, clock.t, epoch));
    methods.forEach((one, i) => set(one, { "aria-pressed": i === r }));
    slider.value = epoch;
    set(slider, { "aria-valuetext": `epoch ${epoch} of ${last}` });
    setText(number, `${epoch} / ${last}`);
    best.value = now.k;
    show(a);
    const tau = taus[r][epoch], found = recalls[r][epoch];
    setText(read, `${now.method}, epoch ${epoch}: Kendall's τ ${tau === null ? "is not defined, all scores are equal" : tau.toFixed(3)}. Of the ${now.k} best `
      + `cells, ${+(found * now.k).toFixed(1)} ${now.k === 1 ? "is" : "are"} among the ${now.k} of highest score: recall ${found.toFixed(2)}.`);
  }
  // The cell under the pointer, or the one that was chosen.
  function show(states) {
    const i = hover < 0 ? now.cell : hover, alone = rank(truth, i), shared = rank(states, i);
    view.draw(choice(table, i));
    set(ring, { transform: `translate(${xs[i]} ${ys[i]})`, "aria-valuenow": alone[0], "aria-valuetext":
      `cell ${i}: rank ${places(alone)} alone, ${places(shared)} with shared weights` });
    setText(side.firstChild, `Cell ${i}`);
    facts.replaceChildren(h("span", {}, "alone ", h("b", {}, `${truth[i].toFixed(2)} %`), `, rank ${places(alone)} of ${count}`),
      h("span", {}, "shared ", h("b", {}, `${(100 * states[i] / pictures).toFixed(1)} %`), `, rank ${places(shared)}`));
    const text = arch(table, choice(table, i));
    if (code.dataset.cell === text) return;
    code.dataset.cell = text;
    code.replaceChildren(...text.split(/(?<=\|)(?=\w|\+)/).flatMap((bit) => [bit, h("wbr")]));
  }
  function change(values) { Object.assign(now, values); keep.set(values); paint.ask(); }
  function play(on) {
    Object.assign(clock, { playing: on, before: performance.now() });
    setText(playing, on ? "Pause" : "Play");
    // While it plays, a screen reader hears nothing; after that, each new state.
    set(read, { "aria-live": on ? "off" : "polite" });
    cancelAnimationFrame(clock.next);
    if (on) clock.next = requestAnimationFrame(frame);
  }
  function seek(epoch) {
    play(false);
    clock.t = clamp(epoch, 0, last);
    change({ epoch: clock.t });
  }
  function frame(time) {
    if (!clock.playing) return;
    const t = advance(clock.t, clamp((time - clock.before) / 1000, 0, 1), last, matchMedia("(prefers-reduced-motion: reduce)").matches);
    if (t > clock.t) { Object.assign(clock, { before: time, t }); paint.now(); }
    if (t >= last) seek(last); else clock.next = requestAnimationFrame(frame);
  }
  function under(event, far) {
    const box = svg.getBoundingClientRect();
    return nearest(xs, ys, event.clientX - box.left, event.clientY - box.top, far);
  }
  svg.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") { hover = under(event, 16); paint.ask(); } });
  svg.addEventListener("pointerleave", () => { hover = -1; paint.ask(); });
  svg.addEventListener("click", (event) => {
    const found = under(event, 30);
    hover = -1;
    if (found >= 0) change({ cell: found });
    ring.focus({ preventScroll: true });
  });
  ring.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 20 : 1, state = counts[at()][epochNow()];
    const go = { ArrowLeft: [truth, -far], ArrowRight: [truth, far], ArrowDown: [state, -far], ArrowUp: [state, far],
      Home: [truth, -count], End: [truth, count] }[event.key];
    if (!go) return;
    event.preventDefault();
    hover = -1;
    change({ cell: step(go[0], now.cell, go[1]) });
  });
  // What a kernel assigned.
  function follow() {
    if (KEYS.every((key) => model.get(key) === now[key])) return;
    const moved = model.get("epoch") !== now.epoch;
    Object.assign(now, stateOf(model));
    if (moved) seek(now.epoch);
    paint.ask();
  }
  KEYS.forEach((key) => model.on(`change:${key}`, follow));
  const resized = new ResizeObserver(() => { lay(); paint.ask(); });
  resized.observe(root);
  lay();
  paint.now();
  return () => {
    cancelAnimationFrame(clock.next);
    paint.close();
    keep.close();
    resized.disconnect();
    KEYS.forEach((key) => model.off(`change:${key}`, follow));
  };
}

export default { render: ({ model, el }) => build(model, el) };
