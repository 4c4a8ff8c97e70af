// BenchmarkExplorer: searches and rivals, regret against what they cost.
// The model holds sets (best, count, clocks, table, alike, lines; see explorer.py), and
// data, methods, budget, point, which the reader moves. First the pure functions, tested
// under node.

export const WIDEST = 200; // the curves begin at this part of the longest budget
export const FLOOR = 0.05; // the smallest regret that the curves tell from 0

// The place of a cost from 0 to 1 on an axis of logarithms that ends at `end`.
export const along = (cost, end) => 1 + Math.log(clamp(cost / end, 1 / WIDEST, 1)) / Math.log(WIDEST);
// The part of the longest budget at a place of the slider, from 0 to 100.
export const share = (p) => +(WIDEST ** (p / 100 - 1)).toPrecision(6);
export const slot = (budget) => Math.round(100 * along(budget, 1));

// The height of a regret from 0 to 1: logarithms, from FLOOR to the top.
export const height = (v, top) => Math.log(Math.max(v, FLOOR) / FLOOR) / Math.log(top / FLOOR);

// The state in force at a cost; -1 before the first.
export function state(costs, cost) {
  let at = -1;
  while (at + 1 < costs.length && costs[at + 1] <= cost * (1 + 1e-9)) at += 1;
  return at;
}

// The value below which a part q of all lies, between neighbours in proportion.
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b), at = (sorted.length - 1) * q, i = Math.floor(at);
  return sorted[i] + (at - i) * ((sorted[i + 1] ?? sorted[i]) - sorted[i]);
}

// Mean and middle 80 % at a state: of the seeds of a search, or as recorded of a rival.
export function band(line, at) {
  if (at < 0) return null;
  if (line.seeds.length) {
    const values = line.regret.map((row) => row[at]);
    return { mean: values.reduce((a, b) => a + b) / values.length, low: quantile(values, 0.1), high: quantile(values, 0.9) };
  }
  const [mean, low, high] = line.curves.map((row) => row[at]);
  return mean === null ? null : { mean, low, high };
}

// Seconds as one reads them.
export function spell(seconds) {
  const [size, unit] = seconds < 100 ? [1, "s"] : seconds < 3600 ? [60, "min"] : seconds < 172800 ? [3600, "h"] : [86400, "days"];
  const value = seconds / size;
  return `${+value.toPrecision(value < 100 ? 2 : 3)} ${unit}`;
}

// Times that a reader knows, for an axis that ends at `end`.
export const times = (end) => [0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 86400, 259200, 864000]
  .filter((t) => t >= end / WIDEST && t <= end);

// A path that holds each height until the next place.
export const stairs = (points) => points.map(([x, y], i) =>
  (i ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}`)).join("");

// All that can be chosen: each search of the lines at a cost, and each rival.
export function choices(lines, costOf) {
  return lines.flatMap((line) => {
    const at = state(line.costs, costOf(line));
    if (!band(line, at)) return [];
    return line.seeds.length ? line.seeds.map((seed, i) => ({ line, at, seed, i, regret: line.regret[i][at] }))
      : [{ line, at, seed: -1, i: -1, regret: band(line, at).mean }];
  });
}

// The point nearest to (x, y) within reach; -1 where there is none.
export function nearest(points, x, y, reach) {
  const far = points.map(([u, v]) => Math.hypot(u - x, v - y)), best = Math.min(...far);
  return best <= reach ? far.indexOf(best) : -1;
}

// ---- drawing -------------------------------------------------------------------------

const stroke = (line) => ({ stroke: line.colour, "stroke-dasharray": line.dash, fill: "none" });
const two = (v) => v.toFixed(2);

// The lines of one clock, their bands, and a dot for each choice at the budget.
function chart(clock, top, several) {
  const svg = s("svg", { class: "be-chart", role: "img" }), tall = 300, left = 42, right = 26;
  const dots = s("g"), rule = s("path", { class: "be-rule" }), curves = s("g");
  svg.append(curves, rule, dots);
  let wide = 320;
  const x = (cost) => left + (wide - left - right) * along(cost, clock.end), y = (v) => 12 + 258 * (1 - height(v, top));
  return { svg, el: h("figure", {}, h("figcaption", {}, `Regret, points (${clock.name})`), svg), places: [],
    lay() { wide = Math.max(220, svg.clientWidth); set(svg, { viewBox: `0 0 ${wide} ${tall}` }); },
    // Which part of the budget lies under the pointer.
    share: (px) => share(100 * clamp((px - left) / (wide - left - right), 0, 1)),
    lines(lines) {
      const path = (line, key) => line.costs.map((cost, at) => [x(cost), y(band(line, at)?.[key] ?? top)]);
      const bound = (line) => {
        const [low, high] = [path(line, "low"), path(line, "high")], end = low.at(-1)[0];
        const back = high.map(([u, v], i) => [i + 1 < high.length ? high[i + 1][0] : end, v]).reverse();
        return `${stairs(low)}${back.map(([u, v], i) => `V${v.toFixed(1)}H${(i + 1 < back.length ? high[high.length - 1 - i][0] : low[0][0]).toFixed(1)}`).join("")}Z`;
      };
      const room = (several ? 70 : 62), shown = times(clock.end).reduce((kept, t) =>
        (kept.length && x(t) - x(kept.at(-1)) < room ? kept : [...kept, t]), []);
      curves.replaceChildren(
        ...[50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, FLOOR].filter((v) => v <= top).flatMap((v) => [
          s("path", { class: "be-grid", d: `M${left} ${y(v)}H${wide - right}` }),
          s("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, v === FLOOR ? `≤${v}` : String(v))]),
        ...shown.map((t) => s("text", { x: x(t), y: tall - 8, "text-anchor": "middle" }, spell(t))),
        ...lines.map((line) => s("path", { class: "be-band", fill: line.colour, d: bound(line) })),
        ...lines.map((line) => s("path", { class: "be-line", ...stroke(line), d: stairs(path(line, "mean")) })));
    },
    draw(list, cost, chosen, label) {
      // Searches that are still going lie side by side; one that is over stays at its end.
      const going = [...new Set(list.filter(({ i, line }) => i >= 0 && line.costs.at(-1) > cost).map((one) => one.line))];
      this.places = list.map(({ i, line, regret }) => [x(Math.min(cost, i < 0 ? cost : line.costs.at(-1)))
        + (going.includes(line) ? 8 * (going.indexOf(line) - (going.length - 1) / 2) : 0), y(regret)]);
      set(rule, { d: `M${x(cost)} 8V270` });
      dots.replaceChildren(...list.map((one, n) => s(one.i < 0 ? "rect" : "circle", { fill: one.line.colour, class: "be-dot",
        ...(one.i < 0 ? { x: this.places[n][0] - 4, y: this.places[n][1] - 4, width: 8, height: 8 }
          : { cx: this.places[n][0], cy: this.places[n][1], r: 4.2 }) })),
      ...list.flatMap((one, n) => (one === chosen ? [s("circle", { class: "be-ring", cx: this.places[n][0], cy: this.places[n][1], r: 9 })] : [])));
      set(svg, { "aria-label": label });
    } };
}

// ---- the widget ----------------------------------------------------------------------
const KEYS = ["data", "methods", "budget", "point"];
const stateOf = (model) => Object.fromEntries(KEYS.map((key) => [key, model.get(key)]));

function build(model, el, now, change) {
  const own = model.get("sets").find((one) => one.name === now.data), { lines, clocks, table, alike } = own;
  const top = 1.15 * Math.max(1, ...lines.flatMap((line) => line.costs.map((_, at) => band(line, at)?.high ?? 0)));
  let drawn = "", list = [];
  const paint = painter(draw);
  const shown = () => lines.filter((line) => now.methods.includes(line.name));
  const cost = (line) => now.budget * clocks[line.clock].end;
  const chosen = () => list.find((one) => one.line.name === now.point[0] && one.seed === now.point[1])
    ?? list.find((one) => one.line.name === now.point[0]) ?? list[0];

  const data = h("select", {}, ...model.get("sets").map(({ name }) => h("option", { value: name }, name)));
  data.value = now.data;
  data.addEventListener("change", () => change({ data: data.value,
    budget: model.get("sets").find((one) => one.name === data.value).start }));
  const chips = lines.map((line) => {
    const chip = h("button", { type: "button" }, s("svg", { viewBox: "0 0 24 8", "aria-hidden": "true" },
      s("path", { d: "M1 4H23", ...stroke(line) })), line.name);
    chip.addEventListener("click", () => change({ methods: now.methods.includes(line.name)
      ? now.methods.filter((name) => name !== line.name) : [...now.methods, line.name] }));
    return chip;
  });
  const slider = h("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": "Budget" });
  const spent = h("output", { "aria-hidden": "true" });
  slider.addEventListener("input", () => change({ budget: share(+slider.value) }));
  const read = h("p", { class: "be-read", "aria-live": "polite" });
  const charts = clocks.map((clock) => chart(clock, top, clocks.length > 1));
  const body = h("tbody");
  const rows = h("table", { class: "be-table" }, h("caption", {}, clocks.length > 1
    ? "Regret at the budget; searches and rivals have clocks of their own" : "Regret at the budget, the lowest mean first"),
    h("thead", {}, h("tr", {}, ...["method", "mean", "middle 80 %", "spent"].map((name) => h("th", { scope: "col" }, name)))), body);
  const view = cellView(table), name = h("p", { class: "be-name" }), facts = h("p", { class: "be-facts" }), code = h("code");
  const walk = h("input", { type: "range", min: 1, step: 1, "aria-label": "Chosen point" });
  walk.addEventListener("input", () => choose(list[walk.value - 1]));
  const side = h("div", { class: "be-side" }, h("label", {}, "Point", walk), name, facts, view.el, code);
  const root = h("div", { class: "gw be", role: "group", "aria-label": "Searches and rivals on known tables" },
    h("div", { class: "gw-row be-chips" }, h("label", {}, "data set", data),
      h("div", { class: "be-methods", role: "group", "aria-label": "Methods" }, ...chips)),
    h("label", { class: "be-budget" }, "Budget", slider, spent), read,
    h("div", { class: "be-charts" }, ...charts.map((one) => one.el)),
    h("p", { class: "gw-note" }, "Both axes are logarithmic. Bands: the middle 80 % of the seeds of a search, or of the "
      + "repetitions of a rival. Dots: every search at the budget; squares: the mean of a rival."),
    h("div", { class: "be-below" }, rows, side));
  el.replaceChildren(root);

  function draw() {
    const on = shown(), key = JSON.stringify([now.methods, root.clientWidth]);
    list = choices(on, cost);
    charts.forEach((one, number) => {
      const mine = on.filter((line) => line.clock === number);
      if (drawn !== key) { one.lay(); one.lines(mine); }
      one.draw(list.filter(({ line }) => line.clock === number), now.budget * clocks[number].end, chosen(),
        `Regret against ${clocks[number].name}. The table that follows has the numbers. Shown: `
        + (mine.map((line) => line.name).join(", ") || "no method"));
    });
    drawn = key;
    chips.forEach((chip, i) => set(chip, { "aria-pressed": now.methods.includes(lines[i].name) }));
    slider.value = slot(now.budget);
    const spelt = clocks.map((clock) => spell(now.budget * clock.end));
    set(slider, { "aria-valuetext": spelt.map((text, i) => `${text}, ${clocks[i].name}`).join("; ") });
    setText(spent, spelt.join(" | "));
    const sorted = on.map((line) => ({ line, found: band(line, state(line.costs, cost(line))) }))
      .sort((a, b) => a.line.clock - b.line.clock || (a.found?.mean ?? Infinity) - (b.found?.mean ?? Infinity));
    body.replaceChildren(...sorted.map(({ line, found }) => h("tr", {}, h("th", { scope: "row" },
      s("svg", { viewBox: "0 0 24 8", "aria-hidden": "true" }, s("path", { d: "M1 4H23", ...stroke(line) })), line.name),
    h("td", {}, found ? two(found.mean) : "–"), h("td", {}, found ? `${two(found.low)} to ${two(found.high)}` : "no cell yet"),
    h("td", {}, spell(Math.min(cost(line), line.costs.at(-1)))))));
    say(sorted);
    show(chosen());
  }
  // What a screen reader hears when the budget or the methods change: clock by clock.
  function say(rows) {
    const name = ({ line, found }) => `${line.name}, ${two(found.mean)} points`;
    const said = clocks.flatMap((clock, number) => {
      const known = rows.filter(({ line, found }) => found && line.clock === number), first = known[0], final = known.at(-1);
      return first ? [`After ${spell(now.budget * clock.end)} (${clock.name}) the lowest mean regret is that of ${name(first)}`
        + `${final === first ? "." : `; the highest, of ${name(final)}.`}`] : [];
    });
    setText(read, said.join(" ") || "No method has a cell yet: choose one, or a larger budget.");
  }
  // The chosen search: its cell, and what the table says of it.
  function show(one) {
    set(walk, { max: Math.max(1, list.length) });
    walk.value = 1 + Math.max(0, list.indexOf(one));
    walk.disabled = list.length < 2;
    const cell = one && one.i >= 0 ? one.line.cells[one.i][one.at] : -1;
    // Its room stays, so that nothing jumps from point to point.
    [view.el, code].forEach((part) => { part.style.visibility = cell < 0 ? "hidden" : ""; });
    if (!one) { setText(name, "Nothing yet"); setText(facts, "Choose a method or a larger budget."); return; }
    const { line, at } = one, last = at === line.costs.length - 1;
    if (one.i < 0) {
      const { mean, low, high } = band(line, at);
      setText(name, `${line.name}, ${line.repetitions} repetitions`);
      setText(facts, `Mean regret ${two(mean)} points; the middle 80 % lie between ${two(low)} and ${two(high)}. `
        + "The record keeps the cells of searches only.");
    } else {
      const rank = line.ranks[one.i][at];
      setText(name, `${line.name}, seed ${one.seed}`);
      setText(facts, `After ${spell(line.costs[at])} (epoch ${at}${last ? ", the last" : ""}): test accuracy ${two(own.best - one.regret)} %, `
        + `regret ${two(one.regret)} points${rank ? `, rank ${rank} of ${own.count}` : ""}. `
        + (cell < 0 ? "The record keeps the cell of the last epoch only."
          : !last && alike[cell] > 1 ? `${alike[cell]} cells have this accuracy; one of them:` : ""));
    }
    set(walk, { "aria-valuetext": `${name.textContent}: ${facts.textContent}` });
    if (cell < 0) return;
    const ops = choice(table, cell), text = arch(table, ops);
    view.draw(ops);
    code.replaceChildren(...text.split(/(?<=\|)(?=\w|\+)/).flatMap((bit) => [bit, h("wbr")]));
  }
  const choose = (one) => one && change({ point: [one.line.name, one.seed] });
  charts.forEach((one, number) => {
    const at = (event) => { const box = one.svg.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    let moving = false;
    const move = (event) => change({ budget: share(slot(one.share(at(event)[0]))) });
    // On a dot it is a choice, elsewhere it moves the budget.
    one.svg.addEventListener("pointerdown", (event) => {
      const found = nearest(one.places, ...at(event), event.pointerType === "mouse" ? 12 : 20);
      if (found >= 0) { choose(list.filter(({ line }) => line.clock === number)[found]); return; }
      one.svg.setPointerCapture(event.pointerId);
      moving = event.pointerType === "mouse";
      move(event);
    });
    one.svg.addEventListener("pointermove", (event) => { if (moving && event.buttons) move(event); });
    one.svg.addEventListener("pointerup", () => { moving = false; });
  });
  const resized = new ResizeObserver(paint.ask);
  resized.observe(root);
  paint.now();
  return { ask: paint.ask, data, close() { paint.close(); resized.disconnect(); } };
}

function render({ model, el }) {
  const now = stateOf(model), keep = keeper(model);
  let made = build(model, el, now, change);
  function change(values) {
    const again = "data" in values && values.data !== now.data;
    Object.assign(now, values);
    keep.set(values);
    if (!again) { made.ask(); return; }
    const held = el.contains(document.activeElement);
    made.close();
    made = build(model, el, now, change);
    if (held) made.data.focus();
  }
  // What a kernel assigned.
  function follow() {
    if (KEYS.every((key) => model.get(key) === now[key])) return;
    const wanted = stateOf(model);
    if (wanted.data !== now.data) { change(wanted); return; }
    Object.assign(now, wanted);
    made.ask();
  }
  KEYS.forEach((key) => model.on(`change:${key}`, follow));
  return () => { made.close(); keep.close(); KEYS.forEach((key) => model.off(`change:${key}`, follow)); };
}

export default { render };
