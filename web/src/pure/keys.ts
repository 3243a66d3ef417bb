// Keys: what was pressed, as it is written in the list of all keys; and sequences as `g i`.

export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

const NAMES: Readonly<Record<string, string>> = { " ": "Space", ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc" };
export const PATIENCE = 1200; // milliseconds between the two keys of a sequence

/** Empty: none of ours. */
export function nameOf(pressed: Pressed): string {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey) return "";
  return NAMES[pressed.key] ?? pressed.key;
}

/** Keeps the first key of a sequence for a while. */
export class Sequence {
  private first = "";
  private at = 0;

  /** `leads`: whether a sequence begins with the key. Returns what was pressed as a whole; empty while it waits. */
  press(name: string, now: number, leads: (name: string) => boolean): string {
    if (this.first && now - this.at < PATIENCE) {
      const whole = `${this.first} ${name}`;
      this.first = "";
      return whole;
    }
    this.first = "";
    if (!leads(name)) return name;
    [this.first, this.at] = [name, now];
    return "";
  }
}
