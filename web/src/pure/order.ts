// The order of a table's rows, and which of them are drawn.

export interface Sort {
  readonly column: string;
  readonly falling: boolean;
}

export type Cell = string | number | null;

/** `-expires` is falling, `expires` rising. */
export function sortOf(text: string | undefined): Sort | null {
  if (!text) return null;
  return text.startsWith("-") ? { column: text.slice(1), falling: true } : { column: text, falling: false };
}

export function sortText(sort: Sort): string {
  return (sort.falling ? "-" : "") + sort.column;
}

/** Rising, falling, then as it came. */
export function nextSort(sort: Sort | null, column: string): Sort | null {
  if (sort?.column !== column) return { column, falling: false };
  return sort.falling ? null : { column, falling: true };
}

/** Stable; rows without a value come last, whichever way. */
export function sorted<Row>(rows: readonly Row[], value: (row: Row) => Cell, falling: boolean): Row[] {
  return rows.toSorted((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    const order = typeof left === "number" && typeof right === "number" ? left - right : compare(String(left), String(right));
    return falling ? -order : order;
  });
}

export interface Held<Row> {
  readonly rows: readonly Row[];
  readonly changed: number;
}

/** Rows in an order that is held, so that none jumps under the cursor: those gone are left out, those new come last.
 *  `changed`: how many stand elsewhere than they would. */
export function held<Row>(rows: readonly Row[], key: (row: Row) => string, order: readonly string[]): Held<Row> {
  const byKey = new Map(rows.map((row) => [key(row), row]));
  const kept: Row[] = [];
  for (const one of order) {
    const row = byKey.get(one);
    if (row !== undefined) {
      kept.push(row);
      byKey.delete(one);
    }
  }
  const shown = [...kept, ...byKey.values()];
  const moved = rows.filter((row, index) => row !== shown[index]).length;
  return { rows: shown, changed: Math.max(moved, order.length - kept.length) };
}

export interface Window {
  readonly first: number;
  readonly end: number;
}

export const DRAWN = 100; // rows that a table draws without leaving any out
const BESIDE = 12; // rows drawn above and below those in sight

/** Which rows stand in the document. `top`: pixels scrolled, `height`: pixels in sight. */
export function drawn(rows: number, rowHeight: number, top: number, height: number): Window {
  if (rows <= DRAWN) return { first: 0, end: rows };
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight), rows) - BESIDE);
  return { first, end: Math.min(rows, Math.ceil((top + height) / rowHeight) + BESIDE) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
