// What the widgets share. widget.py puts this text before the script of each, so that
// every widget is still one file without imports. First pure functions, then drawing.

export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
export const sum = (row) => row.reduce((total, x) => total + x, 0);
export const entropy = (theta) => -sum(theta.map((t) => (t > 0 ? t * Math.log(t) : 0))) + 0;

// One weight set, the others scaled so that the row still sums to 1.
export function setWeight(row, i, value) {
  const one = clamp(value, 0, 1), rest = sum(row) - row[i], even = (1 - one) / (row.length - 1);
  return row.map((x, o) => (o === i ? one : rest > 1e-12 ? x * (1 - one) / rest : even));
}

// Round numbers that lie in [low, high], about `count` of them.
export function ticks(low, high, count) {
  const raw = Math.max(high - low, 1e-9) / count, power = 10 ** Math.floor(Math.log10(raw));
  const width = power * [1, 2, 5, 10].find((m) => m * power >= raw * 0.999), out = [];
  for (let i = Math.ceil(low / width - 1e-9); i * width <= high + width * 1e-9; i++) {
    out.push(+(i * width).toPrecision(12));
  }
  return out;
}

// An SVG path through values; null leaves a gap.
export function linePath(values, x, y) {
  let pen = "M", out = "";
  values.forEach((value, i) => {
    if (value !== null) out += `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = value === null ? "M" : "L";
  });
  return out;
}

// The middle of an edge from p to q that is bent by `bend`.
export function middle([px, py], [qx, qy], bend) {
  const lift = bend / Math.hypot(qx - px, qy - py);
  return [(px + qx) / 2 + (qy - py) * lift, (py + qy) / 2 - (qx - px) * lift];
}

// The line beside an edge from p to q. A bent edge is an arc of a circle, and the
// line beside it has the same centre. (cell.py draws the same in the printed figure.)
export function strandPath([px, py], [qx, qy], bend, offset = 0) {
  const dx = qx - px, dy = qy - py, chord = Math.hypot(dx, dy);
  const nx = dy / chord, ny = -dx / chord;
  const f = (x) => x.toFixed(2);
  if (Math.abs(bend) < 0.5) {
    const x = nx * offset, y = ny * offset;
    return `M${f(px + x)} ${f(py + y)}L${f(qx + x)} ${f(qy + y)}`;
  }
  const side = Math.sign(bend);
  const radius = (chord * chord / 4 + bend * bend) / (2 * Math.abs(bend));
  const cx = (px + qx) / 2 + nx * (bend - side * radius);
  const cy = (py + qy) / 2 + ny * (bend - side * radius);
  const r = radius + side * offset, k = r / radius;
  const flags = `0 ${Math.abs(bend) > chord / 2 ? 1 : 0} ${side > 0 ? 1 : 0}`;
  return `M${f(cx + (px - cx) * k)} ${f(cy + (py - cy) * k)}`
    + `A${f(r)} ${f(r)} ${flags} ${f(cx + (qx - cx) * k)} ${f(cy + (qy - cy) * k)}`;
}

// A cell of a table: an operation for each edge, and its arch string.
export const choice = ({ digits, edges }, i) =>
  Array.from(digits.slice(i * edges.length, (i + 1) * edges.length), Number);

export function arch({ edges, operations }, ops) {
  const nodes = [];
  edges.forEach(([from, to], e) => {
    nodes[to - 1] = `${nodes[to - 1] || "|"}${operations[ops[e]].name}~${from}|`;
  });
  return nodes.join("+");
}

// A genotype in one piece per cell and node; other text stays whole.
export function breakCell(text) {
  return text.includes("|") ? text.split(/(?<=\|)(?=\+\|)|(?<=\|)(?= \w+: )/) : [text];
}

// The operation that a genotype keeps on each edge, cell after cell; null where it
// keeps none.
export function kept(text, edges) {
  const first = Math.min(...edges.map(([, to]) => to));
  return (text.match(/\|\S*\|/g) || []).map((cell) => {
    const nodes = cell.split("+").map((node) => node.split("|"));
    return edges.map(([from, to]) => nodes[to - first]
      ?.find((one) => one.endsWith(`~${from}`))?.split("~")[0] ?? null);
  });
}

function make(node, attributes, children = []) {
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  node.append(...children);
  return node;
}
// JupyterLab takes keys for itself from whatever has the focus, unless that has this mark.
function create(node, attributes, children) {
  const focusable = /^(input|select|button)$/.test(node.localName) || "tabindex" in attributes;
  if (focusable) node.setAttribute("data-lm-suppress-shortcuts", "true");
  return make(node, attributes, children);
}
const h = (tag, attributes = {}, ...children) =>
  create(document.createElement(tag), attributes, children);
const s = (tag, attributes = {}, ...children) =>
  create(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const set = (node, attributes) => make(node, attributes);
const options = (pairs) => pairs.map(([value, name = String(value)]) => h("option", { value }, name));
const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };

// One cell: its edges in the colours of their operations, each with its name.
function cellView({ edges, layout, operations }) {
  const { width, height, nodes, bends } = layout;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "gw-cell" });
  const drawn = edges.map(([from, to], e) => {
    const path = s("path", { d: strandPath(nodes[from], nodes[to], bends[e]) });
    const [x, y] = middle(nodes[from], nodes[to], bends[e]);
    const box = s("rect", { x: x - 23, y: y - 12, width: 46, height: 24, rx: 12 });
    return { path, box, text: s("text", { x, y }) };
  });
  svg.append(...drawn.map((one) => one.path),
    ...nodes.flatMap(([x, y], i) => [s("circle", { cx: x, cy: y, r: 15 }), s("text", { x, y }, String(i))]),
    ...drawn.flatMap((one) => [one.box, one.text]), s("text", { x: nodes[0][0] - 30, y: nodes[0][1] }, "in"),
    s("text", { x: nodes.at(-1)[0] + 33, y: nodes.at(-1)[1] }, "out"));
  return { el: svg, draw(ops) {
    const said = edges.map(([from, to], e) => `${from} to ${to} ${operations[ops[e]].short}`);
    set(svg, { "aria-label": `The cell: ${said.join(", ")}` });
    drawn.forEach(({ path, box, text }, e) => {
      const { short, colour, name } = operations[ops[e]];
      [path, box].forEach((part) => set(part, { stroke: colour }));
      set(path, { "stroke-dasharray": name === "none" ? "2 6" : "none" });
      setText(text, short);
    });
  } };
}

// However often it is asked between two frames, it draws once. What is drawn now is no
// longer asked for. Close leaves no frame behind, and after it none is asked for.
function painter(draw) {
  let asked = 0, closed = false;
  const forget = () => { cancelAnimationFrame(asked); asked = 0; };
  const now = () => { forget(); draw(); };
  return { now, ask() { if (!closed) asked ||= requestAnimationFrame(now); },
    close() { closed = true; forget(); } };
}

// Sets values of the model. A kernel, if there is one, hears of them ten times a second
// at most; close tells it what it has not heard yet and leaves no timer.
function keeper(model) {
  let waits = 0;
  const tell = () => { clearTimeout(waits); waits = 0; model.save_changes(); };
  return { set(values) {
    waits ||= setTimeout(tell, 100);
    Object.entries(values).forEach(([key, value]) => model.set(key, value));
  }, close() { if (waits) tell(); } };
}
