// Pure functions of the mixed edge and the quiz: node --test tests/js
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const load = (name) => {
  const source = readFileSync(new URL(`../../gaea_mini/show/${name}.js`, import.meta.url));
  return import(`data:text/javascript;base64,${source.toString("base64")}`);
};
const edge = await load("mixed_edge"), quiz = await load("quiz");
const close = (a, b, eps = 1e-9) => assert.ok(Math.abs(a - b) < eps, `${a} is not ${b}`);

test("the default exports are widgets", () => {
  for (const page of [edge, quiz]) {
    assert.deepEqual(Object.keys(page.default), ["render"]);
    assert.equal(page.render, undefined);
  }
});

test("a convolution is padded with 0, a maximum looks inside only", () => {
  const picture = [[-1, -2], [-3, -4]], ones = [[1, 1, 1], [1, 1, 1], [1, 1, 1]];
  assert.deepEqual(edge.apply(picture, "conv", ones), [[-10, -10], [-10, -10]]);
  assert.deepEqual(edge.apply(picture, "max", ones), [[-1, -1], [-1, -1]]);
  assert.equal(edge.apply(picture, "skip", [[0]]), picture);
});

test("a mixture is a weighted sum, and rounding loses what is not the heaviest", () => {
  const outputs = [[[1, 0]], [[0, 1]]];
  assert.deepEqual(edge.mix(outputs, [0.75, 0.25]), [[0.75, 0.25]]);
  close(edge.lost(outputs, [0.75, 0.25]), Math.hypot(0.25, 0.25) / Math.hypot(0.75, 0.25));
  assert.equal(edge.lost(outputs, [0, 1]), 0);
  assert.equal(edge.lost([[[0, 0]], [[0, 0]]], [0.5, 0.5]), 0);
  assert.equal(edge.heaviest([0.25, 0.25, 0.25, 0.25]), 0);
});

test("moving one weight scales the others", () => {
  const row = edge.setWeight([0.4, 0.2, 0.1, 0.3], 0, 0.7);
  [0.7, 0.1, 0.05, 0.15].forEach((x, o) => close(row[o], x));
  edge.setWeight([0, 1, 0, 0], 1, 0.4).forEach((x, o) => close(x, o === 1 ? 0.4 : 0.2));
  assert.deepEqual(edge.setWeight([0.5, 0.5], 0, -3), [0, 1]);
});

test("black is 0, white 1, orange below 0", () => {
  assert.deepEqual(edge.colour(0), [0, 0, 0]);
  assert.deepEqual(edge.colour(7), [255, 255, 255]);
  assert.deepEqual(edge.colour(-1), [230, 159, 0]);
});

test("a quiz with one right answer", () => {
  const choices = [{ right: false }, { right: true }];
  assert.equal(quiz.judge(choices, []).done, false);
  assert.match(quiz.judge(choices, []).text, /Choose/);
  assert.match(quiz.judge(choices, [0]).text, /^No/);
  assert.deepEqual(quiz.judge(choices, [1]), { done: true, text: "Right." });
});

test("a quiz with several right answers wants all of them and no other", () => {
  const choices = [{ right: true }, { right: false }, { right: true }];
  assert.equal(quiz.judge(choices, [0, 2]).done, true);
  assert.equal(quiz.judge(choices, [0]).text, "Not yet: 1 of 2 right answers chosen, the rest is missing.");
  assert.match(quiz.judge(choices, [0, 1, 2]).text, /2 of 2 .*, and 1 that is wrong\.$/);
  assert.equal(quiz.judge(choices, [0, 1, 2]).done, false);
});
