// A table as a file. CSV after RFC 4180; a cell that a spreadsheet would run as a formula is told to be text, for cells
// hold what workloads and operators chose.

import type { Cell } from "./order";

export function csv(titles: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [titles, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

export function json(titles: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const records = rows.map((row) => Object.fromEntries(titles.map((title, index) => [title, row[index] ?? null])));
  return JSON.stringify(records, null, 2) + "\n";
}

function quoted(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
