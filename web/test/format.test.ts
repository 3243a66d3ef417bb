import { expect, test } from "vitest";

import { age, brief, clock, middle, moment, pathOf, plural, position, span } from "../src/pure/format";

test("a span is told in its two largest units", () => {
  const told = [0, 0.0000123, 0.0141, 0.9999, 1.9, 59.6, 1884, 3600, 41580, 90061].map(span);
  expect(told).toEqual(["0 s", "12 µs", "14 ms", "1 s", "1.9 s", "1 m", "31 m 24 s", "1 h", "11 h 33 m", "1 d 1 h"]);
  expect(span(-0.003)).toBe("-3 ms");
});

test("an age says which way it lies", () => {
  expect([age(100, 160), age(160, 100), age(100, 100.4)]).toEqual(["1 m ago", "in 1 m", "now"]);
  expect([brief(59), brief(3599), brief(86399), brief(200000)]).toEqual(["59 s", "59 m", "23 h", "2 d"]);
});

test("times are told in UTC", () => {
  expect(clock(1_795_340_465)).toBe("09:41:05");
  expect(moment(1_795_340_465)).toBe("2026-11-22 09:41:05 UTC");
});

test("an ID is cut in the middle, to the length that was asked for", () => {
  expect(middle("abcdefghij", 7)).toBe("abc…hij");
  expect(middle("short", 7)).toBe("short");
});

test("a SPIFFE ID is told by its path", () => {
  expect(pathOf("spiffe://example.org/ns/shop/web")).toBe("/ns/shop/web");
  expect(pathOf("spiffe://example.org")).toBe("/");
  expect(pathOf("not one")).toBe("not one");
});

test("counts and positions", () => {
  expect([plural(1, "entry", "entries"), plural(1200, "entry", "entries")]).toEqual(["1 entry", "1,200 entries"]);
  const told = `${"7f3a".padEnd(32, "0")}000000000002cf9b`;
  expect([position(told), position(`${told}0000000000000001`), position("ab"), position("")]).toEqual([
    "184219",
    "184219",
    "ab",
    "none",
  ]);
});
