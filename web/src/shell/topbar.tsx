// Search, how far back, how often, light or dark, and all keys.

import { Choices } from "../parts/controls";
import { Icon } from "../parts/icons";
import { refresh, shownTheme, theme, turnTheme, type Refresh } from "../state/preferences";
import { useValue } from "../state/observable";
import { change, route } from "../state/route";
import { placeOf } from "./places";
import { Search } from "./search";

const RANGES = [
  ["900", "Last 15 min"],
  ["3600", "Last hour"],
  ["21600", "Last 6 h"],
  ["86400", "Last 24 h"],
] as const;

const REFRESHES: readonly { value: Refresh; title: string }[] = [
  { value: "live", title: "Live" },
  { value: "5", title: "5 s" },
  { value: "15", title: "15 s" },
  { value: "60", title: "60 s" },
];

export function rangeOf(query: Readonly<Record<string, string>>): number {
  const found = RANGES.find(([value]) => value === query["range"]);
  return Number(found?.[0] ?? 3600);
}

export function TopBar({ onKeys }: { onKeys: () => void }) {
  const here = useValue(route);
  const chosen = useValue(refresh);
  const shade = shownTheme(useValue(theme));
  return (
    <header class="top">
      <Search />
      <span class="grow" />
      {placeOf(here.view)?.ranged && (
        <label class="btn ghost">
          <Icon name="clock" size="s" />
          <span class="vh">Range</span>
          <select value={String(rangeOf(here.query))} onChange={(event) => change({ range: event.currentTarget.value })}>
            {RANGES.map(([value, title]) => (
              <option value={value}>{title}</option>
            ))}
          </select>
        </label>
      )}
      <Choices label="Refresh" value={chosen} choices={REFRESHES} onChoose={(value) => refresh.set(value)} />
      <button type="button" class="btn ghost" aria-label={`Theme: ${shade}, change`} onClick={turnTheme}>
        <Icon name={shade === "dark" ? "moon" : "sun"} />
        <kbd class="kbd">t</kbd>
      </button>
      <button type="button" class="btn ghost" aria-label="All keys" onClick={onKeys}>
        <kbd class="kbd">?</kbd>
      </button>
    </header>
  );
}
