import { expect, test } from "vitest";

import { chosen, filter, toggled, tokens, without, type Fields } from "../src/pure/filter";

interface Row {
  readonly state: string;
  readonly selectors: readonly string[];
  readonly left: number | null;
}

const FIELDS: Fields<Row> = {
  state: { kind: "word", of: (row) => [row.state] },
  selector: { kind: "text", of: (row) => row.selectors },
  expires: { kind: "span", of: (row) => row.left },
};
const ROWS: readonly Row[] = [
  { state: "ready", selectors: ["unix:uid:1000"], left: 30 },
  { state: "gone", selectors: ["k8s:ns:shop"], left: 7200 },
  { state: "banned", selectors: [], left: null },
];

function found(query: string): string[] {
  const { fits } = filter(query, FIELDS, (row) => [row.state, ...row.selectors]);
  return ROWS.filter(fits).map((row) => row.state);
}

test("words apart narrow down, values by comma widen", () => {
  expect(found("")).toEqual(["ready", "gone", "banned"]);
  expect(found("state:gone,banned")).toEqual(["gone", "banned"]);
  expect(found("state:gone,banned shop")).toEqual(["gone"]);
});

test("a word fits whole, text fits in part and whatever its case", () => {
  expect(found("state:go")).toEqual([]);
  expect(found("selector:UID")).toEqual(["ready"]);
});

test("a selector is text, although it has colons", () => {
  expect(found("unix:uid:1000")).toEqual(["ready"]);
  expect(found('"k8s:ns:shop"')).toEqual(["gone"]);
});

test("spans compare, and what has none fits no span", () => {
  expect(found("expires<1h")).toEqual(["ready"]);
  expect(found("expires>90m")).toEqual(["gone"]);
});

test("what cannot be read is told and narrows nothing", () => {
  const { wrong, fits } = filter("expires:soon expires<long state>1", FIELDS, () => []);
  expect(wrong).toHaveLength(3);
  expect(wrong[0]).toBe("expires:soon: write expires<1h or expires>30s");
  expect(ROWS.every(fits)).toBe(true);
});

test("a facet puts its value in and takes it out again", () => {
  const one = toggled("shop", "state", "gone");
  expect(one).toBe("shop state:gone");
  expect(toggled(one, "state", "ready")).toBe("shop state:gone,ready");
  expect(toggled(one, "state", "gone")).toBe("shop");
  expect(chosen("shop state:gone,ready", "state")).toEqual(["gone", "ready"]);
});

test("quotes keep blanks together", () => {
  expect(tokens('hint:"a b" c').map((one) => one.text)).toEqual(['hint:"a b"', "c"]);
  expect(without('hint:"a b" c', "c")).toBe('hint:"a b"');
});
