// Keys that work on the page as it is. A view adds its own while it is shown; the newest of two alike counts.

import { useEffect, useRef } from "preact/hooks";

import { nameOf, Sequence } from "../pure/keys";
import { observable } from "./observable";
import { keysOn } from "./preferences";

export interface Binding {
  readonly keys: string; // as `g i`
  readonly does: string;
  readonly run: () => void;
}

export const bindings = observable<readonly Binding[]>([]);
const sequence = new Sequence();

export function useKeys(own: readonly Binding[]): void {
  const current = useRef(own);
  current.current = own;
  const names = own.map((one) => one.keys).join("|");
  useEffect(() => {
    const added = current.current.map(({ keys, does }, index) => ({
      keys,
      does,
      run: () => current.current[index]?.run(),
    }));
    bindings.set([...bindings.value, ...added]);
    return () => bindings.set(bindings.value.filter((one) => !added.includes(one)));
  }, [names]);
}

export function followKeys(): void {
  addEventListener("keydown", (event) => {
    if (keysOn.value === "off" || event.defaultPrevented || inField(event.target)) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if (event.key === "Enter" || event.key === " ") {
      if (event.target instanceof Element && event.target.closest("a, button, summary")) return;
    }
    const whole = sequence.press(nameOf(event), event.timeStamp, (name) =>
      bindings.value.some((one) => one.keys.startsWith(`${name} `)),
    );
    const found = bindings.value.findLast((one) => one.keys === whole);
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}

function inField(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}
