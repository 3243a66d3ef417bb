import { expect, test } from "vitest";

import { nameOf, PATIENCE, Sequence } from "../src/pure/keys";

const plain = { ctrlKey: false, metaKey: false, altKey: false };

test("keys with a modifier are the browser's", () => {
  expect(nameOf({ ...plain, key: "f", ctrlKey: true })).toBe("");
  expect([nameOf({ ...plain, key: " " }), nameOf({ ...plain, key: "ArrowDown" })]).toEqual(["Space", "↓"]);
});

test("two keys are one sequence if the second comes in time", () => {
  const sequence = new Sequence();
  const leads = (name: string) => name === "g";
  expect(sequence.press("g", 0, leads)).toBe("");
  expect(sequence.press("i", 100, leads)).toBe("g i");
  expect(sequence.press("i", 200, leads)).toBe("i");
  expect(sequence.press("g", 300, leads)).toBe("");
  expect(sequence.press("i", 300 + PATIENCE, leads)).toBe("i");
});
