// ArchitecturePlayer: one to four recorded searches on one clock.
// The model holds runs (see trim.py) and epoch. First the pure functions, tested under
// node; then the parts that draw; then the clock.

export const valueAt = (values, epoch) => values[clamp(epoch, 0, values.length - 1)];

// theta of each state as one row of numbers.
export const flatten = (theta) => theta.map((state) => Float64Array.from(state.flat(2)));

// theta at time t, between two states in proportion. A mixture of two points of the
// simplex is on the simplex, so the moving picture never leaves it.
export function stateAt(frames, t, out) {
  const at = clamp(t, 0, frames.length - 1);
  const i = Math.floor(at), next = valueAt(frames, i + 1);
  for (let j = 0; j < out.length; j++) {
    out[j] = frames[i][j] + (at - i) * (next[j] - frames[i][j]);
  }
  return out;
}

// One line per operation, side by side: distance of its middle from the edge, width.
export function strands(row, width) {
  let used = 0;
  return Array.from(row, (weight) => {
    const offset = width * (0.5 - used - weight / 2);
    used += weight;
    return { offset, width: weight * width };
  });
}

// The largest weight of a row, where it is, and how far it leads.
export function lead(row) {
  let first = 0, second = -1;
  for (let o = 1; o < row.length; o++) {
    if (row[o] > row[first]) { second = first; first = o; }
    else if (second < 0 || row[o] > row[second]) second = o;
  }
  return { operation: first, weight: row[first], gap: second < 0 ? 1 : row[first] - row[second] };
}

// The edges with the smallest and the largest entropy. alike: there is no difference.
export function decided(rows) {
  const h = rows.map(entropy);
  const most = h.indexOf(Math.min(...h)), least = h.indexOf(Math.max(...h));
  return { most, least, alike: h[least] - h[most] < 1e-3 };
}

// A row of weights as one bar of colours side by side, in CSS.
export function bar(row, colours) {
  let used = 0;
  const parts = Array.from(row, (weight, o) =>
    `${colours[o]} ${(100 * used).toFixed(1)}% ${(100 * (used += weight)).toFixed(1)}%`);
  return `linear-gradient(90deg, ${parts.join(", ")})`;
}

// Whether any weight of a row is further than `far` from what was drawn last.
export const moved = (drawn, row, far) => row.some((w, o) => !(Math.abs(w - drawn[o]) < far));

// Where the clock stands after some seconds. A run plays in 12 s at most. Where less
// motion is asked for: separate steps, two a second, at most 40 of them.
export function advance(t, seconds, last, speed, reduced) {
  if (!reduced) return Math.min(last, t + seconds * speed * Math.max(3, last / 12));
  return Math.min(last, Math.floor(t) + Math.floor(seconds * 2 * speed) * Math.ceil(last / 40));
}

// ---- drawing -------------------------------------------------------------------------

const DASHES = ["", "7 4", "2 3", "9 3 2 3"];

// A cell with many edges is drawn smaller, and its weights as one bar an edge.
const isDense = (run) => run.edges.length > 8;

// The cell graph: a strand per operation on each edge, a badge with the leading one.
function cellGraph(run, kind) {
  const { width, height, nodes, bends, strand } = run.layout;
  const dense = isDense(run), ops = run.operations;
  const inputs = nodes.map((_, i) => !run.edges.some(([, to]) => to === i));
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "gp-graph", role: "img",
    "aria-label": `Cell graph of ${run.label}${kind}: ${nodes.length} nodes, ${run.edges.length} `
      + "edges, one strand per operation on each edge, as wide as its weight. "
      + "The table that follows gives the weights." });
  const lines = run.edges.map(() => ops.map(({ colour }) =>
    svg.appendChild(s("path", { stroke: colour, fill: "none" }))));
  nodes.forEach(([x, y], i) => svg.append(
    s("circle", { cx: x, cy: y, r: dense ? 14 : 15, class: dense && inputs[i] ? "gp-in" : "" }),
    s("text", { x, y }, String(i))));
  const [first, last] = [nodes[0], nodes[nodes.length - 1]];
  if (!dense) {
    svg.append(s("text", { x: first[0] - 30, y: first[1], class: "gp-end" }, "in"),
      s("text", { x: last[0] + 33, y: last[1], class: "gp-end" }, "out"));
  }
  const badges = dense ? [] : run.edges.map(([from, to], e) => {
    const [x, y] = middle(nodes[from], nodes[to], bends[e]);
    const box = s("rect", { x: x - 24, y: y - 12, width: 48, height: 24, rx: 12 });
    const text = s("text", { x, y });
    svg.append(s("g", { class: "gp-badge" }, box, text));
    return { box, text };
  });
  const drawn = run.edges.map(() => []);
  return { el: svg, draw(rows) {
    rows.forEach((row, e) => {
      // Nobody sees a strand move by a twentieth of a pixel.
      if (!moved(drawn[e], row, 0.05 / strand)) return;
      const [from, to] = run.edges[e];
      drawn[e] = Array.from(row);
      strands(row, strand).forEach((one, o) => {
        // A hair of space between strands, but no strand may vanish in it.
        set(lines[e][o], { d: strandPath(nodes[from], nodes[to], bends[e], one.offset),
          "stroke-width": (one.width - Math.min(0.7, one.width / 4)).toFixed(2) });
      });
      if (dense) return;
      const { operation, gap } = lead(row), tie = gap < 5e-4;
      setText(badges[e].text, tie ? "tie" : ops[operation].short);
      set(badges[e].box, { stroke: tie ? "currentColor" : ops[operation].colour,
        "stroke-dasharray": gap < 0.02 ? "3 2.5" : "none" });
    });
  } };
}

const swatch = (colour) => h("i", { style: `background:${colour}` });

// theta as a table, one row per edge: every number with its bar, the largest marked.
function thetaTable(run) {
  const head = h("tr", {}, h("th", { scope: "col" }, "edge"), ...run.operations.map((o) =>
    h("th", { scope: "col", title: o.name }, swatch(o.colour), o.short)));
  const body = h("tbody");
  const cells = run.edges.map(([from, to]) => {
    const row = run.operations.map(({ colour }) => {
      const one = swatch(colour), number = h("b");
      return { td: h("td", {}, h("div", {}, number, h("span", {}, one))), one, number };
    });
    body.append(h("tr", {}, h("th", { scope: "row" }, `${from}→${to}`), ...row.map((c) => c.td)));
    return row;
  });
  const el = h("table", { class: "gp-theta", style: `--uniform:${100 / run.operations.length}%` },
    h("caption", {}, "Weights θ on every edge"), h("thead", {}, head), body);
  return { el, draw(rows, exact, cell, words) {
    cells.forEach((row, e) => {
      const first = lead(exact[e]), tie = first.gap < 5e-4;
      row.forEach(({ td, one, number }, o) => {
        one.style.transform = `scaleX(${rows[e][o].toFixed(4)})`;
        if (words) setText(number, exact[e][o].toFixed(2));
        td.classList.toggle("gp-lead", o === first.operation && !tie);
      });
    });
  } };
}

// theta of a dense cell: one bar an edge, its largest weight, and what rounding keeps.
function thetaBars(run) {
  const colours = run.operations.map((o) => o.colour), body = h("tbody");
  const short = Object.fromEntries(run.operations.map((o) => [o.name, o.short]));
  const parts = run.edges.map(([from, to]) => {
    const [mix, first, keep] = [h("span"), h("td"), h("td")];
    const row = h("tr", {}, h("th", { scope: "row" }, `${from}→${to}`), h("td", {}, mix), first, keep);
    body.append(row);
    return { row, mix, first, keep, drawn: [] };
  });
  const el = h("table", { class: "gp-theta gp-bars" }, h("caption", {}, "Weights θ on every edge"),
    h("thead", {}, h("tr", {}, ...["edge", "mixture", "largest", "kept"].map((name) =>
      h("th", { scope: "col" }, name)))), body);
  return { el, draw(rows, exact, cell, words) {
    parts.forEach((part, e) => {
      const { row, mix, first, keep } = part;
      if (moved(part.drawn, rows[e], 0.002)) mix.style.background = bar(part.drawn = Array.from(rows[e]), colours);
      if (!words) return;
      const { operation, weight, gap } = lead(exact[e]);
      setText(first, `${gap < 5e-4 ? "tie" : run.operations[operation].short} ${weight.toFixed(2)}`);
      const name = cell?.[e];
      setText(keep, name ? short[name] ?? name : "–");
      row.classList.toggle("gp-kept", Boolean(name));
    });
  } };
}

// One run: title, graph and weights of each kind of cell, read-out, rounded cell.
function panel(run, i) {
  const [kinds, edges, ops] = [run.kinds.length, run.edges.length, run.operations.length];
  const frames = flatten(run.theta), now = new Float64Array(kinds * edges * ops), dense = isDense(run);
  const parts = run.kinds.map((name) => {
    const graph = cellGraph(run, kinds > 1 ? `, ${name} cell` : ""), table = (dense ? thetaBars : thetaTable)(run);
    const title = kinds > 1 ? [h("p", { class: "gp-name" }, `${name} cell`)] : [];
    return { graph, table, el: h("div", { class: "gp-kind" }, ...title, graph.el, table.el) };
  });
  const key = dense ? [h("p", { class: "gp-ops" }, ...run.operations.map((o) =>
    h("span", { title: o.name }, swatch(o.colour), o.short)))] : [];
  const read = h("p"), caption = h("small"), cell = h("code");
  const live = h("div", { class: "gp-read", "aria-live": "polite", "aria-atomic": "true" },
    read, caption, cell);
  const el = h("section", { "aria-label": `Run ${i + 1}: ${run.label}` }, h("p", { class: "gp-title" }, run.label), ...key,
    h("div", { class: "gp-kinds" }, ...parts.map((part) => part.el)), live);
  const split = (flat) => Array.from({ length: kinds * edges }, (_, i) => flat.subarray(i * ops, (i + 1) * ops));
  const moving = split(now);
  let text, cells = [];
  const say = (i, row) => {
    const { operation, weight } = lead(row), [from, to] = run.edges[i % edges];
    const kind = kinds > 1 ? `${run.kinds[Math.floor(i / edges)]} ` : "";
    return `${kind}${from}→${to}, ${run.operations[operation].short} ${weight.toFixed(2)}`;
  };
  return { el, live, draw(t, epoch, words) {
    stateAt(frames, t, now);
    const at = clamp(epoch, 0, frames.length - 1), exact = split(frames[at]);
    const changed = words && text !== run.genotype[at], truth = run.truth?.[at];
    if (changed) cells = kept(text = run.genotype[at], run.edges);
    parts.forEach(({ graph, table }, k) => {
      const rows = moving.slice(k * edges, (k + 1) * edges);
      graph.draw(rows);
      table.draw(rows, exact.slice(k * edges, (k + 1) * edges), cells[k], words);
    });
    if (!words) return;
    const { most, least, alike } = decided(exact);
    setText(read, `Epoch ${at}${at < epoch ? ", the last of this run" : ""}: entropy `
      + `${run.entropy[at].toFixed(3)} nats. ` + (alike ? "To three decimals, all edges have the same."
      : `Most decided edge: ${say(most, exact[most])}. Least decided: ${say(least, exact[least])}.`));
    setText(caption, `Cell after rounding${truth == null ? "" : `: true test accuracy ${truth.toFixed(2)} %`}`);
    if (!changed) return;
    cell.replaceChildren(...breakCell(text).map((piece) => h("span", {},
      ...piece.split(/(?<=\|)(?=\w)/).flatMap((bit) => [bit, h("wbr")]))));
  } };
}

// Curves of all runs over the epochs. A pointer on them moves the clock.
function chart(runs, last, pick, levels, seek, heading) {
  const svg = s("svg", { class: "gp-chart", role: "img" });
  const numbers = runs.map(() => h("b"));
  const key = h("div", { class: "gp-key" }, ...runs.map((run, i) => h("span", {},
    s("svg", { width: 26, height: 8, "aria-hidden": "true" },
      s("path", { d: "M1 4H25", stroke: run.colour, "stroke-dasharray": DASHES[i] })),
    `${run.label} `, numbers[i])));
  const el = h("figure", {}, h("figcaption", {}, heading), key, svg);
  const digits = levels.length ? 3 : 1, bottom = 22, left = 38, right = 10, top = 18, tall = 156;
  let x, y, past, rule, dots, epochAt;
  const lay = (width) => {
    const found = runs.map((run) => (pick(run) || []).filter((v) => v !== null));
    const all = found.flat().concat(levels.map(([value]) => value));
    const high = Math.max(...all) * (digits === 3 ? 1.04 : 1);
    const low = digits === 3 ? 0 : Math.min(...all), span = high - low || 1;
    const wide = width - left - right, end = width - right;
    x = (epoch) => left + wide * (last ? epoch / last : 0);
    y = (value) => top + (tall - top - bottom) * (1 - (value - low) / span);
    epochAt = (px) => Math.round((px - left) / wide * last);
    rule = s("path", { class: "gp-rule", d: `M0 ${top}V${tall - bottom}` });
    dots = runs.map((run) => s("circle", { r: 4, fill: run.colour }));
    const curves = (name) => runs.map((run, i) => s("path", { class: name, stroke: run.colour,
      "stroke-dasharray": DASHES[i], d: linePath(pick(run) || [], x, y) }));
    past = s("svg", { height: tall }, ...curves("gp-past"));
    svg.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    svg.setAttribute("aria-label", "Curves over epochs. " + runs.map((run, i) => (found[i].length
      ? `${run.label}: from ${found[i][0].toFixed(digits)} to ${found[i].at(-1).toFixed(digits)}, lowest `
        + Math.min(...found[i]).toFixed(digits) : `${run.label}: not known`)).join(". "));
    svg.replaceChildren(
      ...ticks(low, high, 4).flatMap((v) => [s("path", { class: "gp-grid", d: `M${left} ${y(v)}H${end}` }),
        s("text", { x: left - 6, y: y(v), "text-anchor": "end" }, String(v))]),
      ...ticks(0, last, width / 90).filter(Number.isInteger).map((v) =>
        s("text", { x: x(v), y: tall - 8, "text-anchor": "middle" }, String(v))),
      ...levels.flatMap(([v, name]) => [s("path", { class: "gp-level", d: `M${left} ${y(v)}H${end}` }),
        s("text", { x: end, y: y(v) - 8, "text-anchor": "end" }, name)]),
      ...curves("gp-future"), rule, past, ...dots);
  };
  const point = (event) => {
    if (event.buttons) seek(epochAt(event.clientX - svg.getBoundingClientRect().left));
  };
  svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); point(event); });
  svg.addEventListener("pointermove", point);
  return { el, lay, draw(t, epoch, words) {
    past.setAttribute("width", x(t).toFixed(1));
    rule.setAttribute("transform", `translate(${x(t).toFixed(1)})`);
    runs.forEach((run, i) => {
      const series = pick(run) || [null], from = Math.floor(t);
      const a = valueAt(series, from), b = valueAt(series, from + 1) ?? a;
      dots[i].style.display = a === null ? "none" : "";
      dots[i].setAttribute("cx", x(Math.min(t, series.length - 1)).toFixed(1));
      dots[i].setAttribute("cy", y(a + (t - from) * (b - a)).toFixed(1));
      const number = valueAt(series, epoch);
      if (words) setText(numbers[i], number === null ? "–" : number.toFixed(digits));
    });
  } };
}

// ---- the clock -----------------------------------------------------------------------

const MEASURES = { rounded: "Accuracy after rounding, %", supernet: "Accuracy before rounding, %" };

function build(model, el) {
  const runs = model.get("runs"), labels = runs.map((run) => run.label).join(" and ");
  const last = Math.max(...runs.map((run) => run.theta.length)) - 1;
  const clock = { t: clamp(model.get("epoch"), 0, last), playing: false, before: 0, saved: 0, said: 0 };
  const paint = painter(draw);
  const epochNow = () => Math.floor(clock.t + 1e-9);
  const button = h("button", { type: "button" });
  const slider = h("input", { type: "range", min: 0, max: last, step: 1, "aria-label": "Epoch" });
  const count = h("output", { "aria-hidden": "true" });
  const speed = h("select", { "aria-label": "Speed" }, ...options([0.5, 1, 2, 4].map((v) => [v, `${v}×`])));
  speed.value = "1";
  const panels = runs.map(panel);
  const sizes = [...new Set(runs.map((run) => run.operations.length))];
  const charts = [chart(runs, last, (run) => run.entropy,
    sizes.map((o) => [Math.log(o), `ln ${o}, uniform`]), seek, "Entropy of θ, nats")];
  const has = (key) => runs.some((run) => run[key]);
  const known = Object.entries(MEASURES).filter(([key]) => has(key));
  if (known.length) {
    const select = h("select", { "aria-label": "Accuracy of the supernet" }, ...options(known));
    select.addEventListener("change", () => { relay(); paint.ask(); });
    charts.push(chart(runs, last, (run) => run[select.value], [], seek, select));
  }
  if (has("truth")) charts.push(chart(runs, last, (run) => run.truth, [], seek, "True test accuracy of the cell, %"));
  const parts = [...panels, ...charts];
  const root = h("div", { class: "gp", role: "group", "aria-label": `Architecture player: ${labels}` },
    h("div", { class: "gp-panels", "data-runs": runs.length }, ...panels.map((part) => part.el)),
    h("div", { class: "gp-charts" }, ...charts.map((part) => part.el)),
    h("div", { class: "gp-controls" }, button, h("label", {}, h("span", {}, "Epoch"), slider), count, speed));
  el.replaceChildren(root);

  function draw() {
    // While it plays, words change ten times a second at most; nobody reads faster.
    const epoch = epochNow(), words = !clock.playing || performance.now() - clock.said >= 100;
    if (words) clock.said = performance.now();
    parts.forEach((part) => { if (!part.away || !clock.playing) part.draw(clock.t, epoch, words); });
    slider.value = epoch;
    slider.setAttribute("aria-valuetext", `epoch ${epoch} of ${last}`);
    setText(count, `${epoch} / ${last}`);
  }
  function relay() { charts.forEach((part) => part.lay(Math.max(200, part.el.clientWidth || 320))); }
  // A kernel, if there is one, hears of the epoch ten times a second at most.
  function tell(now) {
    if (model.get("epoch") !== epochNow()) model.set("epoch", epochNow());
    if (now && now - clock.saved < 100) return;
    clock.saved = now || 0;
    model.save_changes();
  }
  function play(on) {
    clock.playing = on;
    clock.before = performance.now();
    root.classList.toggle("gp-on", on);
    setText(button, on ? "Pause" : "Play");
    // While it plays, a screen reader hears nothing; after that, each new state.
    panels.forEach(({ live }) => live.setAttribute("aria-live", on ? "off" : "polite"));
    cancelAnimationFrame(clock.next);
    if (on) clock.next = requestAnimationFrame(frame);
  }
  function seek(epoch) {
    play(false);
    clock.t = clamp(epoch, 0, last);
    tell();
    paint.ask();
  }
  function frame(now) {
    if (!clock.playing) return;
    const seconds = clamp((now - clock.before) / 1000, 0, 1);
    const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const t = advance(clock.t, seconds, last, +speed.value, reduced);
    if (t > clock.t) { clock.before = now; clock.t = t; paint.now(); tell(now); }
    if (t >= last) seek(last); else clock.next = requestAnimationFrame(frame);
  }
  function follow() {
    if (model.get("epoch") === epochNow()) return;
    play(false);
    clock.t = clamp(model.get("epoch"), 0, last);
    paint.ask();
  }
  button.addEventListener("click", () => {
    if (clock.playing) seek(epochNow()); else { if (clock.t >= last) clock.t = 0; play(true); }
  });
  slider.addEventListener("input", () => seek(+slider.value));
  model.on("change:epoch", follow);
  const resized = new ResizeObserver(() => { relay(); paint.ask(); });
  resized.observe(root);
  // While it plays, what is not on the screen waits until it comes there.
  const seen = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    parts.find(({ el: one }) => one === target).away = !isIntersecting;
  }), { rootMargin: "25%" });
  parts.forEach((part) => seen.observe(part.el));
  play(false);
  relay();
  paint.now();
  return () => {
    cancelAnimationFrame(clock.next);
    paint.close();
    [resized, seen].forEach((one) => one.disconnect());
    model.off("change:epoch", follow);
  };
}

function renderPlayer({ model, el }) {
  let close = build(model, el);
  // A run that grows is drawn anew; what the reader chose, and where they are, stays.
  const again = () => {
    const find = (one) => el.querySelector(`${one.tagName}[aria-label="${one.ariaLabel}"]`) || el.querySelector(one.tagName);
    const held = el.contains(document.activeElement) && document.activeElement, chosen = el.querySelectorAll("select");
    close();
    close = build(model, el);
    chosen.forEach((old) => { const made = find(old); made.value = old.value; made.dispatchEvent(new Event("change")); });
    if (held) find(held)?.focus({ preventScroll: true });
  };
  model.on("change:runs", again);
  return () => { model.off("change:runs", again); close(); };
}

export default { render: renderPlayer };
