// A table as a file: all rows that the filter lets through, not those on the screen.

import type { Column } from "./table";
import { csv, json } from "../pure/csv";
import { Icon } from "./icons";

interface Props<Row> {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
}

export function Export<Row>({ name, rows, columns }: Props<Row>) {
  const save = (write: typeof csv, kind: string, type: string) => {
    const titles = columns.map((one) => one.id);
    const text = write(titles, rows.map((row) => columns.map((one) => one.value(row))));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = `${name}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  return (
    <span class="row" role="group" aria-label="Export">
      <Icon name="export" size="s" />
      <button type="button" class="btn" disabled={!rows.length} onClick={() => save(csv, "csv", "text/csv")}>
        CSV
      </button>
      <button type="button" class="btn" disabled={!rows.length} onClick={() => save(json, "json", "application/json")}>
        JSON
      </button>
    </span>
  );
}
