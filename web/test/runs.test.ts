import { expect, test } from "vitest";

import { runs } from "../src/pure/runs";

test("a gap ends a run and is never joined", () => {
  expect(runs([1, 2, null, 3, null, null]).map((run) => run.map((one) => one.index))).toEqual([[0, 1], [3]]);
  expect(runs([null])).toEqual([]);
});
