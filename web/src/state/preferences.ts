// What a person chose, kept in this browser: theme, refresh, whether keys work. Sources are shown until the page is left.

import { observable, type Observable } from "./observable";

export type Theme = "auto" | "dark" | "light";
export type Refresh = "live" | "5" | "15" | "60" | "paused";

const THEMES: readonly Theme[] = ["auto", "dark", "light"];
const REFRESHES: readonly Refresh[] = ["live", "5", "15", "60"];
const system = matchMedia("(prefers-color-scheme: light)");

export const theme = kept<Theme>("theme", "auto", THEMES);
export const refresh = kept<Refresh>("refresh", "live", REFRESHES);
export const keysOn = kept<"on" | "off">("keys", "on", ["on", "off"]);
export const sources = observable(false);

export function shownTheme(chosen: Theme): "dark" | "light" {
  return chosen === "auto" ? (system.matches ? "light" : "dark") : chosen;
}

export function turnTheme(): void {
  theme.set(shownTheme(theme.value) === "dark" ? "light" : "dark");
}

/** Keeps the document's theme with what was chosen and what the system says. */
export function followTheme(): void {
  const apply = () => {
    document.documentElement.dataset["theme"] = shownTheme(theme.value);
  };
  apply();
  theme.watch(apply);
  system.addEventListener("change", apply);
}

function kept<T extends string>(name: string, otherwise: T, allowed: readonly T[]): Observable<T> {
  const found = read(name);
  const value = observable<T>(allowed.find((one) => one === found) ?? otherwise);
  value.watch((next) => {
    if (allowed.includes(next)) write(name, next);
  });
  return value;
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(`finial.${name}`);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`finial.${name}`, value);
  } catch {
    // a browser that keeps nothing: the choice lasts until the page is left
  }
}
