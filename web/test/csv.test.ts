import { expect, test } from "vitest";

import { csv, json } from "../src/pure/csv";

test("cells with commas, quotes and lines are quoted", () => {
  expect(csv(["a", "b"], [['x,"y"', 1], [null, "l\nm"]])).toBe('a,b\r\n"x,""y""",1\r\n,"l\nm"\r\n');
});

test("a cell that a spreadsheet would run is text", () => {
  expect(csv(["a"], [["=cmd|' /C calc'!A0"]])).toBe("a\r\n'=cmd|' /C calc'!A0\r\n");
});

test("JSON has a record for each row", () => {
  expect(JSON.parse(json(["id", "left"], [["a", 1], ["b", null]]))).toEqual([
    { id: "a", left: 1 },
    { id: "b", left: null },
  ]);
});
