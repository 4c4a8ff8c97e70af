// Pure functions of the rank scatter and the explorer: node --test tests/js
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const load = (name) => {
  const source = readFileSync(new URL(`../../gaea_mini/show/${name}.js`, import.meta.url));
  return import(`data:text/javascript;base64,${source.toString("base64")}`);
};
const rank = await load("rank_scatter"), bench = await load("explorer");
const close = (a, b, eps = 1e-9) => assert.ok(Math.abs(a - b) < eps, `${a} is not ${b}`);

test("the default exports are widgets", () => {
  for (const page of [rank, bench]) assert.deepEqual(Object.keys(page.default), ["render"]);
});

test("counts come back from two bytes each", () => {
  const text = Buffer.from(Uint8Array.from([1, 0, 250, 0, 0, 1, 255, 255])).toString("base64");
  assert.deepEqual(rank.decode(text, 2).map((row) => [...row]), [[1, 250], [256, 65535]]);
});

test("tau-b by hand: one tie in each, and no order at all", () => {
  assert.equal(rank.kendall([1, 2, 3], [4, 5, 6]), 1);
  assert.equal(rank.kendall([1, 2, 3], [6, 5, 4]), -1);
  // Pairs: (1,1) tied in a, (1,2) agrees, (1,2) tied in b.
  close(rank.kendall([1, 1, 2], [1, 2, 2]), 1 / 2);
  assert.equal(rank.kendall([1, 1], [1, 2]), null);
});

test("ties at the edge of the best k share the places", () => {
  assert.deepEqual(rank.among([5, 3, 3, 1], 2), [1, 0.5, 0.5, 0]);
  assert.equal(rank.recall([3, 2, 1, 0], [9, 0, 8, 1], 2), 0.5);
  assert.equal(rank.recall([1, 1, 1, 1], [4, 3, 2, 1], 1), 0.25);
  assert.deepEqual(rank.rank([5, 3, 3, 1], 1), [2, 3]);
  assert.deepEqual(rank.rank([5, 3, 3, 1], 0), [1, 1]);
});

test("arrow keys visit every cell once, ties by number", () => {
  const values = [3, 1, 3, 2];
  assert.deepEqual([0, 1, 2, 3].map((by) => rank.step(values, 1, by)), [1, 3, 0, 2]);
  assert.equal(rank.step(values, 2, 1), 2);
  assert.equal(rank.step(values, 2, -9), 1);
});

test("the nearest point, if it is near enough", () => {
  assert.equal(rank.nearest([0, 10], [0, 0], 7, 0, 5), 1);
  assert.equal(rank.nearest([0, 10], [0, 0], 7, 9, 5), -1);
  assert.equal(bench.nearest([[0, 0], [10, 0]], 7, 0, 5), 1);
  assert.equal(bench.nearest([], 7, 0, 5), -1);
});

test("a cell is written as in the table", () => {
  const table = { edges: [[0, 1], [0, 2], [1, 2]], digits: "010201",
    operations: [{ name: "a" }, { name: "b" }, { name: "c" }] };
  for (const page of [rank, bench]) {
    assert.deepEqual(page.choice(table, 1), [2, 0, 1]);
    assert.equal(page.arch(table, [2, 0, 1]), "|c~0|+|a~0|b~1|");
  }
});

test("an arc ends where its edge does, and its middle lies above", () => {
  assert.equal(rank.arc([0, 0], [10, 0], 0), "M0 0L10 0");
  assert.equal(rank.arc([0, 0], [10, 0], 5), "M0 0A5.00 5.00 0 0 1 10 0");
  assert.deepEqual(rank.middle([0, 0], [10, 0], 5), [5, -5]);
});

test("it plays within 12 seconds, or in jumps", () => {
  close(rank.advance(0, 0.5, 15, false), 1);
  close(rank.advance(0, 1, 600, false), 50);
  assert.equal(rank.advance(3, 0.4, 15, true), 3);
  assert.equal(rank.advance(3, 0.5, 15, true), 4);
  assert.equal(rank.advance(14.9, 9, 15, false), 15);
});

test("a slider's place, the budget and the axis are one scale", () => {
  assert.equal(bench.share(100), 1);
  close(bench.share(0), 1 / 200);
  for (const p of [0, 1, 37, 99, 100]) assert.equal(bench.slot(bench.share(p)), p);
  close(bench.along(50, 50), 1);
  close(bench.along(0.001, 50), 0);
  close(bench.along(50 / Math.sqrt(200), 50), 0.5);
});

test("small regrets stand on the floor", () => {
  assert.equal(bench.height(0, 10), 0);
  assert.equal(bench.height(10, 10), 1);
  close(bench.height(Math.sqrt(0.05 * 10), 10), 0.5);
});

test("the state in force at a cost", () => {
  assert.deepEqual([0.5, 1, 2.9, 3, 99].map((cost) => bench.state([1, 3], cost)), [-1, 0, 0, 1, 1]);
});

test("bands: the middle of the seeds of a search, what was recorded of a rival", () => {
  const search = { costs: [1, 2], seeds: [0, 5], regret: [[4, 1], [2, 3]], clock: 0 };
  const rival = { costs: [2, 4], seeds: [], curves: [[3, null], [1, null], [6, null]], clock: 0 };
  const { mean, low, high } = bench.band(search, 1);
  [[mean, 2], [low, 1.2], [high, 2.8]].forEach((pair) => close(...pair));
  assert.equal(bench.quantile([7], 0.9), 7);
  assert.equal(bench.quantile([3, 1, 2], 0.5), 2);
  assert.deepEqual(bench.band(rival, 0), { mean: 3, low: 1, high: 6 });
  assert.equal(bench.band(rival, 1), null);
  assert.equal(bench.band(rival, -1), null);
  const at = (cost) => bench.choices([search, rival], () => cost).map(({ seed, regret }) => [seed, regret]);
  assert.deepEqual(at(0.5), []);
  assert.deepEqual(at(1), [[0, 4], [5, 2]]);
  assert.deepEqual(at(2), [[0, 1], [5, 3], [-1, 3]]);
});

test("times are spelt as one reads them", () => {
  assert.deepEqual([0.05, 12.34, 99, 600, 3600, 36000, 259200].map(bench.spell),
    ["0.05 s", "12 s", "99 s", "10 min", "1 h", "10 h", "3 days"]);
  assert.deepEqual(bench.times(200), [1, 3, 10, 30, 60, 180]);
});

test("stairs hold a height until the next place", () => {
  assert.equal(bench.stairs([[0, 5], [10, 2]]), "M0.0 5.0H10.0V2.0");
});
