// A table that sorts, is walked by keys, draws only the rows in sight beyond a hundred, and holds its order while the
// cursor is in it. Rows change in place.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { plural } from "../pure/format";
import { drawn, held, nextSort, sorted, type Cell, type Sort } from "../pure/order";
import { useNarrow } from "../state/clock";
import { useKeys } from "../state/keys";
import { Icon } from "./icons";

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  readonly value: (row: Row) => Cell; // what is sorted by and exported
  readonly cell?: (row: Row) => ComponentChildren;
  readonly right?: boolean;
  readonly width?: string;
  readonly narrow?: boolean; // shown on a phone too
}

interface Props<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly sort: Sort | null;
  readonly onSort: (sort: Sort | null) => void;
  readonly onOpen: (row: Row) => void;
  readonly onExplain?: (row: Row) => void;
  readonly opened?: string;
  readonly empty: ComponentChildren;
}

const [ROW, ROW_TOUCH] = [28, 52]; // pixels, as in the style sheet

export function Table<Row>(props: Props<Row>) {
  const { rows, keyOf, sort } = props;
  const narrow = useNarrow();
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ top: 0, height: 800 });
  const [cursor, setCursor] = useState("");
  const [order, setOrder] = useState<readonly string[] | null>(null);

  const column = sort && props.columns.find((one) => one.id === sort.column);
  const natural = sort && column ? sorted(rows, column.value, sort.falling) : rows;
  const { rows: shown, changed } = order ? held(natural, keyOf, order) : { rows: natural, changed: 0 };
  const columns = narrow ? props.columns.filter((one) => one.narrow) : props.columns;
  const height = narrow ? ROW_TOUCH : ROW;
  const { first, end } = drawn(shown.length, height, place.top, place.height);
  const index = shown.findIndex((row) => keyOf(row) === cursor);

  const measure = () => {
    const element = box.current;
    if (element) setPlace({ top: element.scrollTop, height: element.clientHeight });
  };
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    measure();
    const follow = new ResizeObserver(measure);
    follow.observe(element);
    return () => follow.disconnect();
  }, []);

  const hold = () => setOrder((was) => was ?? shown.map(keyOf));
  const release = () => setOrder(null);
  const move = (by: number) => {
    const next = shown[Math.min(Math.max(index + by, 0), shown.length - 1)];
    if (!next) return;
    hold();
    setCursor(keyOf(next));
    reveal(box.current, shown.indexOf(next), height);
  };
  const choose = (id: string) => {
    release();
    props.onSort(nextSort(sort, id));
  };
  const here = index >= 0 ? shown[index] : undefined;
  useKeys([
    { keys: "j", does: "next row", run: () => move(1) },
    { keys: "↓", does: "next row", run: () => move(1) },
    { keys: "k", does: "previous row", run: () => move(-1) },
    { keys: "↑", does: "previous row", run: () => move(-1) },
    { keys: "Enter", does: "open the row", run: () => here && props.onOpen(here) },
    { keys: "s", does: "sort by the next column", run: () => choose(following(props.columns, sort)) },
    { keys: ".", does: "apply the order that is held", run: release },
    ...(props.onExplain ? [{ keys: "e", does: "explain the row", run: () => here && props.onExplain?.(here) }] : []),
  ]);

  if (!rows.length) return <div class="none">{props.empty}</div>;
  return (
    <>
      <div
        class="scroll"
        ref={box}
        onScroll={measure}
        tabIndex={0}
        role="region"
        aria-label={props.label}
        onBlur={(event) => !box.current?.contains(event.relatedTarget as Node | null) && release()}
      >
        <table class="tbl" aria-rowcount={shown.length + 1}>
          <caption class="vh">{props.label}</caption>
          <colgroup>
            {columns.map((one) => (
              <col style={one.width && !narrow ? { width: one.width } : {}} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((one) => (
                <Heading column={one} sort={sort} onChoose={choose} />
              ))}
            </tr>
          </thead>
          <tbody>
            <Gap height={first * height} span={columns.length} />
            {shown.slice(first, end).map((row, at) => (
              <tr
                key={keyOf(row)}
                aria-rowindex={first + at + 2}
                aria-selected={keyOf(row) === props.opened}
                class={keyOf(row) === cursor ? "cur" : ""}
                onClick={(event) => !(event.target as Element).closest("a, button") && props.onOpen(row)}
                onMouseDown={() => setCursor(keyOf(row))}
              >
                {columns.map((one) => (
                  <td class={one.right ? "r" : ""}>{one.cell ? one.cell(row) : one.value(row)}</td>
                ))}
              </tr>
            ))}
            <Gap height={(shown.length - end) * height} span={columns.length} />
          </tbody>
        </table>
      </div>
      {changed > 0 && (
        <p class="foot-note" role="status">
          {plural(changed, "row stands", "rows stand")} elsewhere,{" "}
          <button type="button" class="link" onClick={release}>
            press . to sort
          </button>
        </p>
      )}
    </>
  );
}

function Heading<Row>(props: { column: Column<Row>; sort: Sort | null; onChoose: (id: string) => void }) {
  const { column, sort } = props;
  const sorted = sort?.column === column.id;
  const order = sorted ? (sort.falling ? "descending" : "ascending") : "none";
  return (
    <th scope="col" class={column.right ? "r" : ""} aria-sort={order}>
      <button type="button" class={sorted ? "sort fg" : "sort"} onClick={() => props.onChoose(column.id)}>
        {column.title}
        {sorted && (
          <span class={sort.falling ? "" : "turned"}>
            <Icon name="down" size="xs" />
          </span>
        )}
      </button>
    </th>
  );
}

function Gap({ height, span }: { height: number; span: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden="true" class="gap">
      <td colSpan={span} style={{ height: `${height}px` }} />
    </tr>
  );
}

function following<Row>(columns: readonly Column<Row>[], sort: Sort | null): string {
  const at = columns.findIndex((one) => one.id === sort?.column);
  return columns[(at + 1) % columns.length]?.id ?? "";
}

/** Scrolls as little as needed; the head row covers the top. */
function reveal(box: HTMLElement | null, index: number, height: number): void {
  if (!box) return;
  const [top, bottom] = [index * height, (index + 2) * height];
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}
