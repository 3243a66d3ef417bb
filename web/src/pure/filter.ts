// What a person types into a table's filter: `state:gone method:x509pop expires<1h web`. Words apart narrow down; several
// values of one word, by comma, widen. What it cannot read is told, and narrows nothing.

export type Field<Row> =
  | { readonly kind: "text"; readonly of: (row: Row) => readonly string[] }
  | { readonly kind: "word"; readonly of: (row: Row) => readonly string[] }
  | { readonly kind: "span"; readonly of: (row: Row) => number | null };

export type Fields<Row> = Readonly<Record<string, Field<Row>>>;

export interface Token {
  readonly text: string;
  readonly key: string; // empty: any text of the row
  readonly sign: ":" | "<" | ">";
  readonly values: readonly string[];
}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 };
const SHAPE = /^([a-z]+)([:<>])(.+)$/;

/** Words apart by blanks; quotes keep blanks together. */
export function tokens(query: string): Token[] {
  const words = query.match(/(?:[^\s"]+|"[^"]*")+/g) ?? [];
  return words.map((word) => {
    const match = SHAPE.exec(word);
    if (!match || word.startsWith("spiffe:") || word.startsWith('"')) {
      return { text: word, key: "", sign: ":", values: [unquoted(word)] };
    }
    const [, key = "", sign = ":", value = ""] = match;
    return { text: word, key, sign: sign as Token["sign"], values: value.split(",").map(unquoted).filter(Boolean) };
  });
}

/** Seconds of `1h`, `90s`, `250ms`; null if it is none. */
export function seconds(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  return match ? Number(match[1]) * (UNITS[match[2] ?? ""] ?? 1) : null;
}

export interface Filter<Row> {
  readonly fits: (row: Row) => boolean;
  readonly wrong: readonly string[];
}

/** `told`: all text of a row, for words without a key. A key that is none of the fields is looked for as text: selectors
 *  have colons too. */
export function filter<Row>(query: string, fields: Fields<Row>, told: (row: Row) => readonly string[]): Filter<Row> {
  const tests: ((row: Row) => boolean)[] = [];
  const wrong: string[] = [];
  for (const token of tokens(query)) {
    const field = token.key ? fields[token.key] : undefined;
    if (!field) tests.push((row) => has(told(row), [unquoted(token.text)]));
    else if (field.kind === "span") {
      const limit = seconds(token.values[0] ?? "");
      if (limit === null || token.sign === ":") wrong.push(`${token.text}: write ${token.key}<1h or ${token.key}>30s`);
      else tests.push((row) => compares(field.of(row), token.sign, limit));
    } else if (token.sign !== ":") wrong.push(`${token.text}: write ${token.key}:value`);
    else if (field.kind === "word") tests.push((row) => token.values.some((one) => field.of(row).includes(one)));
    else tests.push((row) => has(field.of(row), token.values));
  }
  return { fits: (row) => tests.every((test) => test(row)), wrong };
}

/** The query with `key:value` in it if it was not, without it if it was. */
export function toggled(query: string, key: string, value: string): string {
  const all = tokens(query);
  const own = all.find((one) => one.key === key && one.sign === ":");
  const rest = all.filter((one) => one !== own).map((one) => one.text);
  const values = own?.values.includes(value) ? own.values.filter((one) => one !== value) : [...(own?.values ?? []), value];
  return [...rest, ...(values.length ? [`${key}:${values.join(",")}`] : [])].join(" ");
}

export function without(query: string, text: string): string {
  return tokens(query)
    .map((one) => one.text)
    .filter((one) => one !== text)
    .join(" ");
}

export function chosen(query: string, key: string): readonly string[] {
  return tokens(query).find((one) => one.key === key && one.sign === ":")?.values ?? [];
}

function has(texts: readonly string[], wanted: readonly string[]): boolean {
  return wanted.some((one) => texts.some((text) => text.toLowerCase().includes(one.toLowerCase())));
}

function compares(value: number | null, sign: string, limit: number): boolean {
  if (value === null) return false;
  return sign === "<" ? value < limit : value > limit;
}

function unquoted(text: string): string {
  return text.replaceAll('"', "");
}
