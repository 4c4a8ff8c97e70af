// The painter that the widgets share: node --test tests/js
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { inner } from "./widget.mjs";

const { painter } = await inner("painter");
const frames = new Map();
let asked = 0;
globalThis.requestAnimationFrame = (call) => { frames.set(++asked, call); return asked; };
globalThis.cancelAnimationFrame = (id) => frames.delete(id);
function frame() {
  const calls = [...frames.values()];
  frames.clear();
  calls.forEach((call) => call());
}
beforeEach(() => frames.clear());

test("asked twice between two frames, it draws once, and then again", () => {
  let drawn = 0;
  const paint = painter(() => { drawn += 1; });
  for (const times of [1, 2]) {
    paint.ask();
    paint.ask();
    assert.equal(frames.size, 1);
    frame();
    assert.equal(drawn, times);
  }
});

test("what is drawn now is no longer asked for, and may be asked for again", () => {
  let drawn = 0;
  const paint = painter(() => { drawn += 1; });
  paint.ask();
  paint.now();
  assert.equal(frames.size, 0);
  assert.equal(drawn, 1);
  paint.ask();
  assert.equal(frames.size, 1);
});

test("close leaves no frame behind, and after it none is asked for", () => {
  const paint = painter(() => assert.fail("drawn"));
  paint.ask();
  paint.close();
  assert.equal(frames.size, 0);
  paint.ask();
  assert.equal(frames.size, 0);
});

test("nor after what is drawn once it is closed", () => {
  let drawn = 0;
  const paint = painter(() => { drawn += 1; });
  paint.close();
  paint.now();
  paint.ask();
  assert.equal(drawn, 1);
  assert.equal(frames.size, 0);
});
