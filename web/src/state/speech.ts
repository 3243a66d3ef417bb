// What a screen reader is told: at most one message in five seconds, but for what fails, which is told at once.

import { observable } from "./observable";

const APART = 5000; // milliseconds

export const polite = observable("");
export const urgent = observable("");
let last = -Infinity;
let waiting = "";
let timer: number | undefined;

export function say(text: string): void {
  const pause = last + APART - performance.now();
  if (pause <= 0) {
    last = performance.now();
    polite.set(text);
    return;
  }
  waiting = text; // the newest counts
  timer ??= window.setTimeout(() => {
    timer = undefined;
    last = performance.now();
    polite.set(waiting);
  }, pause);
}

export function warn(text: string): void {
  urgent.set(text);
}
