// Pure functions of the player, under node's own test runner: node --test tests/js
import assert from "node:assert/strict";
import { test } from "node:test";
import { widget } from "./widget.mjs";

const player = await widget("player");
const close = (a, b, eps = 1e-9) => assert.ok(Math.abs(a - b) < eps, `${a} is not ${b}`);

test("the default export is a widget", () => {
  assert.deepEqual(Object.keys(player.default), ["render"]);
  assert.equal(player.render, undefined); // anywidget warns of a named one
});

test("between two states theta stays on the simplex", () => {
  const frames = player.flatten([[[[1, 0], [0.5, 0.5]]], [[[0, 1], [0.5, 0.5]]]]);
  const out = new Float64Array(4);
  assert.deepEqual([...player.stateAt(frames, 0.25, out)], [0.75, 0.25, 0.5, 0.5]);
  assert.deepEqual([...player.stateAt(frames, 1, out)], [0, 1, 0.5, 0.5]);
  assert.deepEqual([...player.stateAt(frames, 99, out)], [0, 1, 0.5, 0.5]);
  assert.deepEqual([...player.stateAt(frames, -3, out)], [1, 0, 0.5, 0.5]);
});

test("strands fill the width of the edge, first operation on top, without overlap", () => {
  const made = player.strands([0.5, 0.3, 0.2], 20);
  close(made.reduce((sum, one) => sum + one.width, 0), 20);
  close(made[0].offset + made[0].width / 2, 10);
  for (let i = 1; i < made.length; i++) {
    close(made[i - 1].offset - made[i - 1].width / 2, made[i].offset + made[i].width / 2);
  }
  close(made[2].offset - made[2].width / 2, -10);
});

test("a straight strand is the edge, moved aside", () => {
  assert.equal(player.strandPath([0, 0], [10, 0], 0, 2), "M0.00 -2.00L10.00 -2.00");
});

test("a bent strand is an arc around the same centre", () => {
  // A half circle of radius 5; one pixel outside it the radius is 6.
  assert.equal(player.strandPath([0, 0], [10, 0], 5, 1), "M-1.00 0.00A6.00 6.00 0 0 1 11.00 0.00");
  assert.equal(player.strandPath([0, 0], [10, 0], -5, 1), "M1.00 0.00A4.00 4.00 0 0 0 9.00 0.00");
});

test("the middle of an edge is lifted by its bend", () => {
  assert.deepEqual(player.middle([0, 0], [10, 0], 4), [5, -4]);
});

test("the leading operation, with its lead; the first one of a tie", () => {
  const { operation, weight, gap } = player.lead([0.2, 0.5, 0.3]);
  assert.equal(operation, 1);
  assert.equal(weight, 0.5);
  close(gap, 0.2);
  assert.deepEqual(player.lead([0.25, 0.25, 0.25, 0.25]), { operation: 0, weight: 0.25, gap: 0 });
  close(player.lead([0.6, 0.1, 0.3]).gap, 0.3);
  assert.equal(player.lead([1]).gap, 1);
});

test("most and least decided edge go by entropy", () => {
  const { most, least, alike } = player.decided([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4]]);
  assert.deepEqual([most, least, alike], [1, 0, false]);
  assert.equal(player.decided([[0.5, 0.5], [0.5, 0.5]]).alike, true);
  assert.equal(player.decided([[1, 0], [0.5, 0.5]]).most, 0);
});

test("an arch string breaks at its nodes, and nothing is lost", () => {
  const cell = "|a~0|+|a~0|b~1|+|c~0|a~1|b~2|";
  assert.deepEqual(player.breakCell(cell), ["|a~0|", "+|a~0|b~1|", "+|c~0|a~1|b~2|"]);
  assert.equal(player.breakCell(cell).join(""), cell);
  assert.deepEqual(player.breakCell("Genotype(normal=...)"), ["Genotype(normal=...)"]);
  const both = "normal: |a~0|b~1|+|a~0|b~2| reduce: |c~0|a~1|+|a~1|b~2|";
  assert.deepEqual(player.breakCell(both),
    ["normal: |a~0|b~1|", "+|a~0|b~2|", " reduce: |c~0|a~1|", "+|a~1|b~2|"]);
});

test("what a genotype keeps on each edge of each cell", () => {
  const edges = [[0, 2], [1, 2], [0, 3], [1, 3], [2, 3]];
  assert.deepEqual(player.kept("normal: |a~0|b~1|+|a~0|b~2| reduce: |c~0|a~1|+|a~1|b~2|", edges),
    [["a", "b", "a", null, "b"], ["c", "a", null, "a", "b"]]);
  const six = [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]];
  assert.deepEqual(player.kept("|a~0|+|b~0|c~1|+|d~0|e~1|f~2|", six), [[..."abcdef"]]);
  assert.deepEqual(player.kept("some other text", six), []);
});

test("a bar is as long as the weights, colour after colour", () => {
  assert.equal(player.bar([0.25, 0.75], ["red", "blue"]),
    "linear-gradient(90deg, red 0.0% 25.0%, blue 25.0% 100.0%)");
});

test("ticks are round, inside and in order", () => {
  assert.deepEqual(player.ticks(0, 1.44, 4), [0, 0.5, 1]);
  assert.deepEqual(player.ticks(88.1, 94.4, 4), [90, 92, 94]);
  assert.deepEqual(player.ticks(0, 25, 5), [0, 5, 10, 15, 20, 25]);
  assert.ok(player.ticks(3, 3, 4).length <= 2);
  for (const [low, high] of [[0, 600], [-3.2, 7], [10, 10.01], [54.3, 94.37]]) {
    const made = player.ticks(low, high, 4);
    assert.ok(made.length >= 2 && made.length <= 6, `${low} ${high} ${made}`);
    assert.ok(made[0] >= low - 1e-9 && made.at(-1) <= high + 1e-9);
  }
});

test("a gap in the values is a gap in the line", () => {
  const id = (x) => x;
  assert.equal(player.linePath([1, 2, null, 3, 4], id, id), "M0.0 1.0L1.0 2.0M3.0 3.0L4.0 4.0");
  assert.equal(player.linePath([null, null], id, id), "");
});

test("a short run keeps its last value", () => {
  assert.equal(player.valueAt([5, 6], 9), 6);
  assert.equal(player.valueAt([5, 6], -1), 5);
});

test("the clock takes at most 12 seconds and stops at the end", () => {
  close(player.advance(0, 12, 600, 1, false), 600);
  close(player.advance(0, 1, 600, 2, false), 100);
  close(player.advance(0, 1, 25, 1, false), 3);
  assert.equal(player.advance(24.9, 5, 25, 1, false), 25);
});

test("with less motion the clock goes in separate steps", () => {
  assert.equal(player.advance(3, 0.4, 25, 1, true), 3);
  assert.equal(player.advance(3, 0.5, 25, 1, true), 4);
  assert.equal(player.advance(0, 0.5, 600, 1, true), 15);
  assert.equal(player.advance(25, 0.5, 25, 1, true), 25);
});
