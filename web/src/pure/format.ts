// How figures are written: short, with their unit, the same everywhere. Times are Unix seconds, spans are seconds.

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

export function count(value: number): string {
  return GROUPED.format(value);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A span in its two largest units: `31 m 24 s`, `14 ms`. */
export function span(seconds: number): string {
  const sign = seconds < 0 ? "-" : "";
  const all = Math.abs(seconds);
  if (all === 0) return "0 s";
  if (all < 0.001) return `${sign}${Math.max(1, Math.round(all * 1e6))} µs`;
  if (all < 0.9995) return `${sign}${Math.round(all * 1000)} ms`;
  if (all < 10) return `${sign}${GROUPED.format(Math.round(all * 10) / 10)} s`;
  const whole = Math.round(all);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const told = parts.slice(first, first + 2).filter(([value]) => value > 0);
  return sign + told.map(([value, unit]) => `${value} ${unit}`).join(" ");
}

/** Of something that was, or will be: `2 m ago`, `in 31 m`. */
export function age(at: number, now: number): string {
  const gone = now - at;
  if (Math.abs(gone) < 1) return "now";
  return gone > 0 ? `${brief(gone)} ago` : `in ${brief(-gone)}`;
}

/** A span in its largest unit alone. */
export function brief(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86400)} d`;
}

/** `09:41:05`, in UTC as the servers' logs are. */
export function clock(at: number): string {
  return new Date(at * 1000).toISOString().slice(11, 19);
}

/** `2026-11-21 09:41:05 UTC`. */
export function moment(at: number): string {
  return `${new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Cut in the middle: both ends of an ID tell more than its middle. */
export function middle(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (most - 1 - head))}`;
}

/** The path of a SPIFFE ID: what tells it from others of its trust domain. */
export function pathOf(id: string): string {
  const match = /^spiffe:\/\/[^/]*(\/.*)?$/.exec(id);
  return match ? (match[1] ?? "/") : id;
}

export function lastOf(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1) || id;
}

const [EPOCH, ID] = [32, 16]; // hexadecimal digits of a position's epoch, and of the number after it

/** A position as a person compares it: its number within its history. */
export function position(hex: string): string {
  if (!hex) return "none";
  return hex.length < EPOCH + ID ? hex : BigInt(`0x${hex.slice(EPOCH, EPOCH + ID)}`).toString();
}
