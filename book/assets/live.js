// "Run this page": Python in the page, by Pyodide in a worker.
//
// Before the press this script only puts a button over the first cell. After it the
// cells become editable; each runs on the reader's device, after those above it.
// Where the page is cross-origin isolated, Stop interrupts a cell and keeps its names.
// Elsewhere it ends the worker, and the names are lost; the page says so.
(() => {
  "use strict";
  const SCRIPT = document.currentScript;
  const HERE = new URL("live/", SCRIPT.src);
  const files = new Map(); // name -> Blob
  let setup, worker, ready, interrupt, bar;
  let ends = 0; // how often Python was ended
  let running = null; // the cell that runs
  let queue = []; // cells that will

  function make(tag, className, text) {
    const node = document.createElement(tag);
    node.className = className;
    if (text) node.textContent = text;
    return node;
  }

  function button(text, press) {
    const node = make("button", "live-button", text);
    node.type = "button";
    node.addEventListener("click", press);
    return node;
  }

  const say = (text) => { bar.status.textContent = text; };

  // ---- files: loaded once, checked, kept for the next worker

  function loadScript(address) {
    return new Promise((done, fail) => {
      const script = make("script", "");
      script.src = address;
      script.onload = () => { script.remove(); done(); };
      script.onerror = () => { script.remove(); fail(new Error(`${address} could not be loaded`)); };
      document.head.append(script);
    });
  }

  const kindOf = (name) => name.endsWith(".wasm") ? "application/wasm" : "text/javascript";

  // The scripts beside the pages call these two.
  window.liveSetup = (given) => { setup = given; };
  window.liveFile = (name, text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    files.set(name, new Blob([bytes], { type: kindOf(name) }));
  };

  const inBase64 = (hex) => btoa(String.fromCharCode(...hex.match(/../g).map((h) => parseInt(h, 16))));

  async function fetchFile(name, sha256) {
    // The browser refuses a file with another hash.
    const integrity = `sha256-${inBase64(sha256)}`;
    const answer = await fetch(setup.from + name, { integrity, credentials: "omit" })
      .catch(() => { throw new Error(`${name} did not come from ${setup.from}, or it is not the file that was asked for`); });
    if (!answer.ok) throw new Error(`${setup.from}${name}: ${answer.status}`);
    files.set(name, new Blob([await answer.arrayBuffer()], { type: kindOf(name) }));
  }

  async function loadBeside(name, sha256) {
    await loadScript(new URL(`${name}.js`, HERE));
    if (!crypto.subtle) return; // over plain http; the build has checked it too
    const digest = await crypto.subtle.digest("SHA-256", await files.get(name).arrayBuffer());
    const hex = Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
    if (hex !== sha256) throw new Error(`${name} is not the file that the book was built with`);
  }

  async function loadFiles(said) {
    if (!setup) await loadScript(new URL("setup.js", HERE));
    const get = setup.from ? fetchFile : loadBeside;
    const missing = Object.entries(setup.hashes).filter(([name]) => !files.has(name));
    let come = 0, well = true; // files that come after one that failed say nothing
    await Promise.all(missing.map(async ([name, sha256]) => {
      await get(name, sha256);
      if (well) said(`Loading Python: ${++come} of ${missing.length} files`);
    })).catch((error) => { well = false; throw error; });
  }

  // ---- the worker

  function startPython() {
    // What Stop or Reset ended while it was loaded says nothing more, and nobody waits for it.
    const before = ends, over = () => before !== ends, forever = () => new Promise(() => {});
    ready ||= (async () => {
      say("Loading Python");
      await loadFiles((text) => over() || say(text));
      if (over()) await forever();
      say("Starting Python");
      const address = URL.createObjectURL(new Blob([setup.worker], { type: "text/javascript" }));
      worker = new Worker(address);
      URL.revokeObjectURL(address);
      const started = new Promise((done, fail) => {
        worker.onmessage = ({ data }) => {
          if (data.kind === "ready") done();
          else if (data.kind === "broken") fail(new Error(data.text));
          else say(data.text);
        };
        worker.onerror = (event) => fail(new Error(event.message || "the worker did not start"));
      });
      interrupt = self.crossOriginIsolated ? new Uint8Array(new SharedArrayBuffer(1)) : null;
      const { lock, packages, sources } = setup;
      const wanted = Object.fromEntries(Object.keys(setup.hashes).map((name) => [name, files.get(name)]));
      worker.postMessage({ files: wanted, lock, packages, sources, wheel: files.get(setup.wheel), interrupt });
      await started;
      worker.onmessage = ({ data }) => hear(data);
      say("Python is ready.");
    })().catch((error) => {
      if (over()) return forever();
      endPython();
      say(`Python could not be started: ${error.message}.`);
      throw error;
    });
    return ready;
  }

  function endPython() {
    ends += 1;
    worker?.terminate();
    worker = ready = interrupt = undefined;
    running?.settle("");
    running = null;
    queue = [];
    for (const cell of cells) {
      cell.ran = false;
      cell.mark("");
    }
    arrange();
  }

  function hear({ kind, text, run }) {
    if (running === null || run !== running.run) return;
    if (kind === "done") return finished(text);
    if (kind === "broken") {
      running.show("error", text);
      return finished(false);
    }
    running.show(kind, text);
  }

  function finished(well) {
    const cell = running;
    running = null;
    cell.ran = well;
    cell.settle(well ? "" : "This cell stopped with an error.");
    if (!well) queue = [];
    arrange();
    if (queue.length) next();
    else say(well ? "Done." : `Cell ${cell.number} did not come to its end.`);
  }

  async function next() {
    if (running || !queue.length) return;
    await startPython();
    if (running || !queue.length) return;
    running = queue.shift();
    running.begin();
    say(`Running cell ${running.number} of ${cells.length}`);
    if (interrupt) interrupt[0] = 0;
    worker.postMessage({ run: running.run, code: running.code.value, name: `cell ${running.number}` });
    arrange();
  }

  // A cell runs after those above it that have not run since Python was started.
  function runCells(wanted) {
    for (const cell of wanted) if (!queue.includes(cell)) queue.push(cell);
    arrange();
    next().catch(() => {});
  }

  function stop() {
    if (!running && !ready) return;
    queue = [];
    if (interrupt && running) {
      interrupt[0] = 2;
      say("Stopping. Reset ends what does not stop.");
      return;
    }
    running?.show("error", "Stopped.");
    endPython();
    say("Stopped. This page can stop Python only by ending it: what the cells had defined is lost. The next run starts again from the first cell.");
  }

  function reset() {
    endPython();
    for (const cell of cells) cell.restore();
    say("Everything is as it was printed. The next run starts Python again.");
  }

  // ---- cells

  let runs = 0;

  function liveCell(box, number) {
    const printed = box.querySelector(".cell_input .highlight");
    const original = printed.querySelector("pre").textContent.replace(/\n+$/, "");
    const code = make("textarea", "live-code");
    code.value = original;
    code.spellcheck = false;
    code.setAttribute("autocapitalize", "off");
    code.setAttribute("aria-label", `Code of cell ${number}`);
    const fit = () => { code.rows = code.value.split("\n").length; };
    fit();
    code.addEventListener("input", fit);
    code.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        cell.press();
      } else if (event.key === "Enter") {
        const line = code.value.slice(0, code.selectionStart).split("\n").at(-1);
        const indent = line.match(/^ */)[0] + (/:\s*$/.test(line) ? "    " : "");
        event.preventDefault();
        code.setRangeText(`\n${indent}`, code.selectionStart, code.selectionEnd, "end");
        fit();
      }
    });
    printed.before(code);
    printed.hidden = true;
    const foot = make("div", "live-foot");
    const go = button("Run", () => (running === cell ? stop() : cell.press()));
    const mark = make("span", "live-mark");
    foot.append(go, mark);
    box.querySelector(".cell_input").after(foot);

    // What was printed is hidden while the cell shows its own; a caption stays.
    const output = box.querySelector(".cell_output");
    const figure = [...output?.children ?? []].find((one) => one.tagName === "FIGURE");
    const alt = output?.querySelector("img")?.alt;
    const place = make("div", "live-output");
    place.hidden = true;
    if (figure) figure.prepend(place);
    else foot.after(place);
    const old = figure
      ? [...output.children].filter((one) => one !== figure).concat([...figure.children].filter((one) => one !== place && one.tagName !== "FIGCAPTION"))
      : output ? [output] : [];
    let text; // where text goes on

    const shows = {
      text(given, tone = "live-text") {
        if (text?.className !== tone) place.append(text = make("pre", tone));
        text.append(given);
      },
      error: (given) => shows.text(`${given}\n`, "live-text live-error"),
      png(given) {
        const image = make("img", "live-figure");
        image.onload = () => image.style.setProperty("--legible", `${0.6 * image.naturalWidth}px`); // as gaea_book.py
        image.src = `data:image/png;base64,${given}`;
        image.alt = code.value === original && alt ? alt : `Figure drawn by cell ${number} as you changed it.`;
        place.append(image);
      },
      html(given) {
        place.append(make("div", "live-html"));
        place.lastChild.innerHTML = given;
      },
      widget(given) {
        const el = make("div", "live-widget");
        place.append(el);
        window.showWidget?.(el, JSON.parse(given));
      },
    };

    const cell = {
      box, code, number, ran: false, run: 0,
      press() {
        runCells([...cells.slice(0, number - 1).filter((one) => !one.ran && one !== running), cell]);
      },
      begin() {
        cell.run = ++runs;
        place.replaceChildren();
        text = undefined;
        place.hidden = false;
        for (const one of old) one.hidden = true;
        box.classList.add("live-running");
      },
      show(kind, given) {
        if (kind !== "text" && kind !== "error") text = undefined;
        shows[kind]?.(given);
      },
      settle() { box.classList.remove("live-running"); },
      mark(words) { mark.textContent = words; },
      arrange() {
        const now = running === cell;
        const waits = queue.includes(cell);
        go.textContent = now ? "Stop" : "Run";
        go.setAttribute("aria-label", `${now ? "Stop" : "Run"} cell ${number}`);
        go.disabled = waits;
        cell.mark(now ? "running" : waits ? "waits" : cell.ran ? "has run" : "");
      },
      restore() {
        code.value = original;
        fit();
        place.replaceChildren();
        place.hidden = true;
        for (const one of old) one.hidden = false;
      },
    };
    return cell;
  }

  let cells = [];

  function arrange() {
    for (const cell of cells) cell.arrange();
    if (!bar) return;
    bar.stop.disabled = !running && !queue.length;
    bar.run.disabled = Boolean(running || queue.length);
  }

  // ---- the bar over the first cell

  function begin() {
    if (!cells.length) {
      cells = bar.boxes.map((box, index) => liveCell(box, index + 1));
      bar.run.textContent = "Run all cells";
      bar.box.append(bar.stop, bar.reset);
      bar.box.append(bar.status);
      bar.note.textContent = "Change a cell and press Run, or Ctrl+Enter in it. The cells above it run first.";
      arrange();
      bar.run.disabled = true;
      startPython().then(arrange, () => { bar.run.disabled = false; });
    } else {
      for (const cell of cells) cell.ran = false;
      runCells(cells);
    }
  }

  function run() {
    // The printed figure of a widget and the set-up of a notebook service are not run.
    const all = document.querySelectorAll("div.cell:not(.tag_still, .tag_setup)");
    const boxes = [...all].filter((box) => box.querySelector(".cell_input .highlight"));
    if (!boxes.length) return;
    const { from, megabytes } = SCRIPT.dataset;
    bar = {
      boxes,
      box: make("div", "live-bar"),
      run: button("Run this page", begin),
      stop: button("Stop", stop),
      reset: button("Reset", reset),
      status: make("p", "live-status"),
      note: make("p", "live-note", "Starts Python here, on your device, and lets you change the cells. "
        + `Loads up to ${megabytes} MB${from ? ` from ${from}` : ""}.`),
    };
    bar.box.setAttribute("role", "group");
    bar.box.setAttribute("aria-label", "Python in this page");
    bar.status.setAttribute("role", "status");
    bar.box.append(bar.run, bar.note);
    boxes[0].before(bar.box);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
  else run();
})();
