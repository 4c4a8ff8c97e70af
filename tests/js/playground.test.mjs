// Pure functions of the playground, under node's own test runner: node --test tests/js
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../gaea_mini/show/playground.js", import.meta.url));
const page = await import(`data:text/javascript;base64,${source.toString("base64")}`);
const close = (a, b, eps = 1e-9) => assert.ok(Math.abs(a - b) < eps, `${a} is not ${b}`);
const all = (a, b, eps) => a.forEach((x, i) => close(x, b[i], eps));
const total = (row) => row.reduce((sum, x) => sum + x, 0);

test("the default export is a widget", () => {
  assert.deepEqual(Object.keys(page.default), ["render"]);
  assert.equal(page.render, undefined); // anywidget warns of a named one
});

test("projecting gives the nearest point of the simplex", () => {
  all(page.project([0.5, 0.25, 0.25]), [0.5, 0.25, 0.25]);
  all(page.project([0.9, 0.5, -0.4]), [0.7, 0.3, 0]);
  all(page.project([1e9, 0, 0]), [1, 0, 0]);
});

test("one step of each rule, by hand", () => {
  all(page.egStep([0.5, 0.5], [0, 1], Math.log(3)), [0.75, 0.25]);
  assert.deepEqual(page.egStep([1, 0], [5, -5], 1), [1, 0]); // 0 stays 0
  all(page.projectedStep([0.5, 0.5], [0, 1], 0.5), [0.75, 0.25]);
  all(page.logitStep([0, 0], [0, 1], 1), [0.25, -0.25]);
});

test("a huge gradient leaves weights", () => {
  for (const step of [page.egStep, page.projectedStep]) {
    const made = step([0.2, 0.3, 0.5], [1e6, -1e6, 0], 100);
    assert.deepEqual(made, [0, 1, 0]);
  }
});

test("entropy is in nats, and 0 at a corner", () => {
  close(page.entropy([0.25, 0.25, 0.25, 0.25]), Math.log(4));
  assert.ok(Object.is(page.entropy([1, 0]), 0));
});

test("the draws are standard normal and depend on the seed", () => {
  const draws = [...page.normals(7, 20000)];
  const mean = total(draws) / draws.length;
  close(mean, 0, 0.03);
  close(total(draws.map((x) => (x - mean) ** 2)) / draws.length, 1, 0.03);
  close(draws.filter((x) => Math.abs(x) < 1).length / draws.length, 0.6827, 0.01);
  close(total(draws.slice(1).map((x, i) => x * draws[i])) / draws.length, 0, 0.03);
  assert.notEqual(page.normals(1, 1)[0], page.normals(2, 1)[0]);
});

test("a target that was moved still sums to 1", () => {
  all(page.setWeight([0.5, 0.3, 0.2], 0, 0.2), [0.2, 0.48, 0.32]);
  all(page.setWeight([1, 0, 0], 0, 0.4), [0.4, 0.3, 0.3]);
  all(page.setWeight([0.5, 0.5], 1, 7), [0, 1]);
});

test("with another number of weights the target keeps its first three", () => {
  assert.deepEqual(page.resize([0.5, 0.25, 0.25], 5), [0.5, 0.25, 0.25, 0, 0]);
  all(page.resize([0.3, 0.1, 0.1, 0.5], 3), [0.6, 0.2, 0.2]);
  assert.deepEqual(page.resize([0, 0, 0, 1], 3), [1, 0, 0]);
});

test("a point of the triangle goes there and back, one outside to the nearest", () => {
  all(page.unplace(...page.place([0.2, 0.5, 0.3])), [0.2, 0.5, 0.3]);
  all(page.unplace(...page.place([1, 0, 0])), [1, 0, 0]);
  const far = page.unplace(-500, 900);
  all(far, [1, 0, 0]);
  close(total(page.unplace(200, -999)), 1);
});

test("the clock takes 8 seconds; with less motion it jumps", () => {
  close(page.advance(0, 8, 100, false), 100);
  assert.equal(page.advance(99.9, 9, 100, false), 100);
  assert.equal(page.advance(3, 0.4, 100, true), 3);
  assert.equal(page.advance(3, 0.5, 100, true), 6);
});

test("a step size has two digits", () => {
  assert.deepEqual([-3, -0.5, 0, 2].map(page.toLr), [0.001, 0.32, 1, 100]);
});

test("without noise every rule goes to the target, and a seed changes nothing", () => {
  const target = [0.6, 0.3, 0.1];
  const paths = page.walks(target, [1, 0.5, 5], 0, 3, 300);
  paths.forEach((path) => all(path.at(-1), target, 1e-6));
  assert.deepEqual(paths, page.walks(target, [1, 0.5, 5], 0, 4, 300));
});
