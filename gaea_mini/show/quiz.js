// Quiz: choose, check, and read the reason for what was chosen.
// The model holds question, choices (text, right, why, as HTML made in quiz.py) and
// several. What is chosen lives here only.

// What to say of a set of chosen places.
export function judge(choices, chosen) {
  const right = choices.flatMap(({ right: yes }, i) => (yes ? [i] : []));
  const hits = chosen.filter((i) => choices[i].right).length, wrong = chosen.length - hits;
  if (!chosen.length) return { done: false, text: "Choose an answer first." };
  if (!wrong && hits === right.length) return { done: true, text: "Right." };
  if (right.length === 1) return { done: false, text: "No. Read the reason, and choose again." };
  return { done: false, text: `Not yet: ${hits} of ${right.length} right answers chosen`
    + (wrong ? `, and ${wrong} that ${wrong === 1 ? "is" : "are"} wrong.` : ", the rest is missing.") };
}

// ---- drawing -------------------------------------------------------------------------

let made = 0; // names of radio groups are unique in a page

// Text with the few marks that quiz.py makes.
function marked(tag, attributes, text) {
  const node = h(tag, attributes);
  node.innerHTML = text;
  return node;
}

function build(model, el) {
  const choices = model.get("choices"), several = model.get("several");
  const name = `quiz-${Date.now()}-${made += 1}`;
  const rows = choices.map(({ text, right, why }, i) => {
    const input = h("input", { type: several ? "checkbox" : "radio", name, value: i });
    const reason = h("div", { class: "qz-why" }, marked("span", {}, `<b>${right ? "Right." : "No."}</b> ${why}`));
    reason.hidden = true;
    input.addEventListener("change", forget);
    return { input, reason, el: h("div", { class: "qz-choice" },
      h("label", {}, input, marked("span", {}, text)), reason) };
  });
  const check = h("button", { type: "button" }, "Check");
  const show = h("button", { type: "button" }, "Show all reasons");
  const verdict = h("p", { class: "qz-verdict", role: "status" });
  const root = h("div", { class: "gw qz" }, h("fieldset", {},
    marked("legend", {}, model.get("question") + (several ? " <small>Choose all that are right.</small>" : "")),
    ...rows.map((row) => row.el)), h("div", { class: "gw-row" }, check, show, verdict));
  el.replaceChildren(root);

  const reveal = (shown) => rows.forEach(({ reason, el: row }, i) => {
    reason.hidden = !shown(i);
    row.classList.toggle("qz-right", shown(i) && choices[i].right);
    row.classList.toggle("qz-wrong", shown(i) && !choices[i].right);
  });
  // A new choice hides what was said of the last one.
  function forget() {
    reveal(() => false);
    verdict.textContent = "";
  }
  check.addEventListener("click", () => {
    const chosen = rows.flatMap(({ input }, i) => (input.checked ? [i] : []));
    reveal((i) => chosen.includes(i));
    verdict.textContent = judge(choices, chosen).text;
  });
  show.addEventListener("click", () => {
    reveal(() => true);
    verdict.textContent = "All reasons are shown.";
  });
}

function render({ model, el }) {
  const again = () => build(model, el);
  model.on("change:choices", again);
  again();
  return () => model.off("change:choices", again);
}

export default { render };
