// The views there are, their keys and their names. Only views that have something to show stand here.

import type { IconName } from "../parts/icons";

export interface Place {
  readonly view: string;
  readonly title: string;
  readonly keys: string;
  readonly icon: IconName;
  readonly ranged?: boolean; // whether it looks back as far as the range says
}

export const TABS: readonly Place[] = [
  { view: "overview", title: "Overview", keys: "1", icon: "overview" },
  { view: "server", title: "SPIRE Server", keys: "2", icon: "server", ranged: true },
  { view: "agents", title: "Agents", keys: "4", icon: "agent" },
  { view: "metrics", title: "SPIRE Metrics", keys: "6", icon: "metrics", ranged: true },
  { view: "commands", title: "Commands", keys: "7", icon: "commands" },
];

export const INVESTIGATE: readonly Place[] = [
  { view: "identities", title: "Identities", keys: "g i", icon: "identity" },
  { view: "explain", title: "Explain", keys: "g e", icon: "explain" },
  { view: "authorities", title: "Authorities", keys: "g a", icon: "authority" },
];

export const PLACES: readonly Place[] = [...TABS, ...INVESTIGATE];

export function placeOf(view: string): Place | undefined {
  return PLACES.find((one) => one.view === view);
}
