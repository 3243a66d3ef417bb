// The time, once a second, for ages; and the width of the window.

import { useEffect, useState } from "preact/hooks";

import { observable, useValue } from "./observable";

const now = observable(Date.now() / 1000);
setInterval(() => {
  if (!document.hidden) now.set(Date.now() / 1000);
}, 1000);

export function useNow(): number {
  return useValue(now);
}

const narrow = matchMedia("(max-width: 719px)");

/** A phone: tables become rows of two lines. */
export function useNarrow(): boolean {
  const [value, set] = useState(narrow.matches);
  useEffect(() => {
    const follow = () => set(narrow.matches);
    narrow.addEventListener("change", follow);
    return () => narrow.removeEventListener("change", follow);
  }, []);
  return value;
}
