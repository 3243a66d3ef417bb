import { expect, test } from "vitest";

import { DRAWN, drawn, held, nextSort, sorted, sortOf, sortText } from "../src/pure/order";

test("rows without a value come last, whichever way", () => {
  const rows = [3, null, 1, 2];
  expect(sorted(rows, (row) => row, false)).toEqual([1, 2, 3, null]);
  expect(sorted(rows, (row) => row, true)).toEqual([3, 2, 1, null]);
});

test("a column sorts rising, falling, then as it came", () => {
  const rising = nextSort(null, "expires");
  const falling = nextSort(rising, "expires");
  expect([rising && sortText(rising), falling && sortText(falling)]).toEqual(["expires", "-expires"]);
  expect(nextSort(falling, "expires")).toBeNull();
  expect(sortOf("-expires")).toEqual(falling);
  expect(sortOf(undefined)).toBeNull();
});

test("an order that is held: none jumps, those gone are left out, those new come last", () => {
  const { rows, changed } = held(["d", "c", "a"], (row) => row, ["a", "b", "c"]);
  expect(rows).toEqual(["a", "c", "d"]);
  expect(changed).toBe(2);
  expect(held(["a", "b"], (row) => row, ["a", "b"]).changed).toBe(0);
});

test("only the rows in sight are drawn, and some beside them", () => {
  expect(drawn(DRAWN, 28, 0, 280)).toEqual({ first: 0, end: DRAWN });
  const { first, end } = drawn(10_000, 28, 28_000, 560);
  expect(first).toBeLessThan(1000);
  expect(end).toBeGreaterThan(1020);
  expect(end - first).toBeLessThan(60);
  expect(drawn(200, 28, 999_999, 560)).toEqual({ first: 188, end: 200 });
});
