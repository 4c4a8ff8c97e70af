// Shows the anywidgets of a built page: no kernel, no network, http and file alike.
//
// A page carries the state of its widgets as JSON, and a small JSON view at each place
// where a widget stands. An anywidget's state holds its own script (_esm) and style
// (_css). This runtime gives every widget a model with get, set, on, off and
// save_changes, as Jupyter would, and calls its render function.
//
// When a widget is shown, cells tagged `still` (its printed figure) are hidden on
// screen; they stay for print and for readers without JavaScript.
(() => {
  "use strict";
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const modules = new Map(); // script text -> promise of the module
  const styles = new Set(); // style texts on the page

  // Binary parts of a state come as base64 or hex, each with its path in the state.
  function withBuffers(entry) {
    const state = structuredClone(entry.state);
    for (const { path, encoding, data } of entry.buffers || []) {
      const bytes = encoding === "base64"
        ? Uint8Array.from(atob(data), (c) => c.charCodeAt(0))
        : Uint8Array.from(data.match(/../g) || [], (pair) => parseInt(pair, 16));
      let place = state;
      for (const key of path.slice(0, -1)) place = place[key] ??= {};
      place[path.at(-1)] = new DataView(bytes.buffer);
    }
    return state;
  }

  function makeModel(state) {
    const listeners = new Map();
    const model = {
      get: (key) => state[key],
      set(key, value) {
        const values = typeof key === "string" ? { [key]: value } : key;
        for (const [name, next] of Object.entries(values)) {
          if (state[name] === next) continue;
          state[name] = next;
          model.tell(`change:${name}`, model, next);
          model.tell("change", model);
        }
      },
      on(event, call) {
        for (const name of event.split(" ")) {
          listeners.set(name, [...(listeners.get(name) || []), call]);
        }
      },
      off(event, call) {
        for (const name of event ? event.split(" ") : [...listeners.keys()]) {
          const kept = (listeners.get(name) || []).filter((one) => call && one !== call);
          listeners.set(name, kept);
        }
      },
      tell(event, ...values) {
        for (const call of listeners.get(event) || []) call(...values);
      },
      save_changes() {}, // no kernel listens
      send() {},
    };
    return model;
  }

  function load(text) {
    if (!modules.has(text)) {
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      modules.set(text, import(url).finally(() => URL.revokeObjectURL(url)));
    }
    return modules.get(text);
  }

  function addStyle(text) {
    if (!text || styles.has(text)) return;
    styles.add(text);
    const style = document.createElement("style");
    style.textContent = text;
    document.head.append(style);
  }

  function say(el, text) {
    const p = document.createElement("p");
    p.className = "widget-note";
    p.setAttribute("role", "note");
    p.textContent = text;
    el.replaceChildren(p);
  }

  async function start(entry) {
    const model = makeModel(withBuffers(entry));
    addStyle(model.get("_css"));
    const module = await load(model.get("_esm"));
    const made = module.default ?? module;
    const widget = typeof made === "function" ? await made() : made;
    await widget.initialize?.({ model });
    return { model, widget };
  }

  async function show(script, entries, started) {
    const el = document.createElement("div");
    el.className = "widget-place";
    script.replaceWith(el);
    let id = "?";
    try {
      id = JSON.parse(script.textContent).model_id;
      const entry = entries[id];
      if (!entry) throw new Error("its state is not in this page");
      if (!entry.state._esm) {
        say(el, "This control needs a running kernel. Open the chapter in Jupyter or Colab to use it.");
        return;
      }
      // Two views of one widget share its model.
      started[id] ||= start(entry);
      const { model, widget } = await started[id];
      await widget.render({ model, el });
      document.documentElement.classList.add("widgets-shown");
    } catch (error) {
      say(el, `This interactive figure could not be shown (${error.message}).`);
      console.warn(`widget ${id}:`, error);
    }
  }

  // A cell that runs in the page shows a widget of its own (live.js).
  window.showWidget = async (el, state) => {
    const { model, widget } = await start({ state });
    await widget.render({ model, el });
  };

  function run() {
    const entries = {}, started = {};
    for (const script of document.querySelectorAll(STATE)) {
      try {
        Object.assign(entries, JSON.parse(script.textContent).state);
      } catch (error) {
        console.warn("widget state:", error);
      }
    }
    addStyle(".widget-note { padding: .5em .8em; border: 1px dashed; border-radius: 6px; }"
      + "@media not print { .widgets-shown :is(.tag_still, .still) { display: none; } }");
    return Promise.all([...document.querySelectorAll(VIEW)].map((view) => show(view, entries, started)));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
  else run();
})();
