// MixedEdge: one picture through four operations, mixed by weights on the simplex.
// The model holds pixels, operations, theta and rounded (see mixed_edge.py). First the
// pure functions, tested to give NumPy's numbers; then what draws.

// One operation on a picture (rows of numbers): conv is padded with 0, max looks at
// the pixels under the filter that exist, skip changes nothing.
export function apply(picture, kind, filter) {
  if (kind === "skip") return picture;
  const reach = filter.length >> 1, tall = picture.length, wide = picture[0].length;
  return picture.map((row, y) => row.map((_, x) => {
    let out = kind === "max" ? -Infinity : 0;
    filter.forEach((weights, i) => weights.forEach((weight, j) => {
      const v = y + i - reach, u = x + j - reach;
      if (v < 0 || u < 0 || v >= tall || u >= wide) return;
      out = kind === "max" ? Math.max(out, picture[v][u]) : out + weight * picture[v][u];
    }));
    return out;
  }));
}

// Each output times its weight, added up.
export const mix = (outputs, theta) => outputs[0].map((row, y) => row.map((_, x) =>
  sum(outputs.map((output, o) => theta[o] * output[y][x]))));

export const minus = (a, b) => a.map((row, y) => row.map((v, x) => v - b[y][x]));
export const length = (picture) => Math.hypot(...picture.flat());

// The heaviest operation; the first one of a tie.
export const heaviest = (theta) => theta.indexOf(Math.max(...theta));

// |mixture - heaviest output| / |mixture|; 0 where there is nothing to lose.
export function lost(outputs, theta) {
  const mixture = mix(outputs, theta), whole = length(mixture);
  return whole ? length(minus(mixture, outputs[heaviest(theta)])) / whole : 0;
}

// Black at 0, white at 1, orange at -1.
export function colour(v) {
  const up = 255 * clamp(v, 0, 1), down = clamp(-v, 0, 1);
  return [up + 230 * down, up + 159 * down, up].map(Math.round);
}

// ---- drawing -------------------------------------------------------------------------

const percent = (x) => `${(100 * x).toFixed(0)} %`;

// A picture as a canvas with one pixel a number; CSS makes it larger.
function canvas(picture, label) {
  const [tall, wide] = [picture.length, picture[0].length];
  const el = h("canvas", { width: wide, height: tall, role: "img", "aria-label": label });
  const context = el.getContext("2d"), image = context.createImageData(wide, tall);
  const draw = (numbers) => {
    numbers.flat().forEach((v, i) => image.data.set([...colour(v), 255], 4 * i));
    context.putImageData(image, 0, 0);
  };
  draw(picture);
  return { el, draw };
}

function build(model, el) {
  const operations = model.get("operations"), what = model.get("label") || "the picture";
  const picture = model.get("pixels").map((row) => row.map((v) => v / 255));
  const outputs = operations.map((one) => apply(picture, one.kind, one.filter));
  const now = { theta: model.get("theta"), rounded: model.get("rounded") };
  const first = now.theta, keep = keeper(model), paint = painter(draw);

  // A strand from the picture to each operation and on to the output, as wide as its weight.
  const strands = operations.map(({ colour: stroke }) => s("path", { stroke, fill: "none" }));
  const rows = operations.map((one, o) => {
    const slider = h("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": `Weight of ${one.name}` });
    const number = h("output", { "aria-hidden": "true" });
    const thumb = canvas(outputs[o], `Output of ${one.name}, ${one.what}`);
    slider.addEventListener("input", () => change({ theta: setWeight(now.theta, o, +slider.value) }));
    return { slider, number, el: h("div", { class: "me-op", style: `--colour:${one.colour}` }, thumb.el,
      h("div", {}, h("p", {}, h("b", {}, one.name), " ", h("span", { class: "gw-note" }, one.what)),
        h("label", {}, h("span", { class: "me-theta" }, "θ"), slider, number))) };
  });
  const mixture = canvas(picture, "The mixture of the four outputs");
  const kept = canvas(picture, "The output after rounding");
  const gone = canvas(picture, "The mixture minus the output after rounding");
  const title = h("figcaption"), less = h("figcaption");
  const after = h("div", { class: "me-after" }, h("figure", {}, title, kept.el), h("figure", {}, less, gone.el));
  const read = h("p", { class: "me-read", "aria-live": "polite" });
  const round = h("button", { type: "button" }, "Round");
  const even = h("button", { type: "button" }, "Equal weights"), reset = h("button", { type: "button" }, "Reset");
  round.addEventListener("click", () => change({ rounded: !now.rounded }));
  even.addEventListener("click", () => change({ theta: operations.map(() => 1 / operations.length) }));
  reset.addEventListener("click", () => change({ theta: first, rounded: false }));
  const flow = s("svg", { class: "me-flow", "aria-hidden": "true" }, ...strands);
  const input = h("figure", { class: "me-in" }, h("figcaption", {}, "Input"), canvas(picture, `The input, ${what}`).el);
  const output = h("figure", { class: "me-out" }, h("figcaption", {}, "Mixture"), mixture.el);
  const edge = h("div", { class: "me-edge" }, flow, input,
    h("div", { class: "me-ops" }, ...rows.map((row) => row.el)), output);
  const root = h("div", { class: "gw me", role: "group", "aria-label": "A mixed edge" }, edge,
    h("div", { class: "gw-row" }, round, even, reset), read,
    h("p", { class: "gw-note" }, "Black is 0, white is 1, and orange is below 0."), after);
  el.replaceChildren(root);

  function draw() {
    const { theta, rounded } = now, best = heaviest(theta), mixed = mix(outputs, theta);
    const loss = lost(outputs, theta), tie = theta.filter((t) => t > theta[best] - 1e-9).length > 1;
    mixture.draw(mixed);
    kept.draw(outputs[best]);
    gone.draw(minus(mixed, outputs[best]));
    after.hidden = !rounded;
    round.setAttribute("aria-pressed", rounded);
    rows.forEach(({ slider, number, el: row }, o) => {
      slider.value = theta[o];
      slider.setAttribute("aria-valuetext", theta[o].toFixed(2));
      setText(number, theta[o].toFixed(2));
      row.classList.toggle("me-kept", rounded && o === best);
      [row, strands[o]].forEach((part) => part.classList.toggle("me-dropped", rounded && o !== best));
    });
    setText(title, `After rounding: ${operations[best].name}`);
    setText(less, `What is lost: ${percent(loss)}`);
    setText(read, `Weights ${operations.map((one, o) => `${one.name} ${theta[o].toFixed(2)}`).join(", ")}; `
      + `entropy ${entropy(theta).toFixed(3)} nats. Rounding ${rounded ? "keeps" : "would keep"} ${operations[best].name}`
      + `${tie ? ", the first of a tie," : ""} and ${rounded ? "loses" : "lose"} ${percent(loss)} of the mixture.`);
    lay();
  }
  // Where there is room, the strands run behind the pictures.
  function lay() {
    const box = edge.getBoundingClientRect(), at = (node) => node.getBoundingClientRect();
    const from = at(input.lastChild), to = at(output.lastChild), tall = Math.min(from.height * 0.8, 64);
    flow.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    let used = 0;
    rows.forEach((row, o) => {
      const thumb = at(row.el), y = thumb.top + thumb.height / 2 - box.top, wide = now.theta[o] * tall;
      const shift = used + wide / 2 - tall / 2;
      const a = [from.right - box.left, from.top + from.height / 2 - box.top + shift], b = thumb.left - box.left;
      const c = thumb.right - box.left, d = [to.left - box.left, to.top + to.height / 2 - box.top + shift];
      used += wide;
      strands[o].setAttribute("stroke-width", wide.toFixed(2));
      strands[o].setAttribute("d", `M${a}C${(a[0] + b) / 2} ${a[1]} ${(a[0] + b) / 2} ${y} ${b} ${y}`
        + `M${c} ${y}C${(c + d[0]) / 2} ${y} ${(c + d[0]) / 2} ${d[1]} ${d}`);
    });
  }
  function change(values) {
    Object.assign(now, values);
    paint.ask();
    keep.set(values);
  }
  function follow() {
    if (model.get("theta") === now.theta && model.get("rounded") === now.rounded) return;
    Object.assign(now, { theta: model.get("theta"), rounded: model.get("rounded") });
    paint.ask();
  }
  model.on("change:theta", follow);
  model.on("change:rounded", follow);
  const resized = new ResizeObserver(paint.ask);
  resized.observe(root);
  paint.now();
  return () => {
    paint.close();
    keep.close();
    resized.disconnect();
    model.off("change:theta", follow);
    model.off("change:rounded", follow);
  };
}

export default { render: ({ model, el }) => build(model, el) };
