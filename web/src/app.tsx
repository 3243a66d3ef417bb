// The page: its frame, the view that the address names, and the keys that work everywhere.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

import { get } from "./api/client";
import type { Overview } from "./api/models";
import { Empty } from "./parts/notices";
import { to } from "./pure/route";
import { CommandLine } from "./shell/commandline";
import { KeysList } from "./shell/keyslist";
import { Navigation } from "./shell/navigation";
import { PLACES } from "./shell/places";
import { SignedOut } from "./shell/signedout";
import { StatusBar } from "./shell/statusbar";
import { TopBar } from "./shell/topbar";
import { link } from "./state/connection";
import { useKeys } from "./state/keys";
import { useValue } from "./state/observable";
import { overview } from "./state/overview";
import { refresh, sources, turnTheme } from "./state/preferences";
import { useResource } from "./state/resource";
import { go, route } from "./state/route";
import { polite, urgent, warn } from "./state/speech";
import { AgentsView } from "./views/agents";
import { AuthoritiesView } from "./views/authorities";
import { CommandsView } from "./views/commands";
import { ExplainView } from "./views/explain";
import { IdentitiesView } from "./views/identities";
import { IdentityView } from "./views/identity";
import { MetricsView } from "./views/metrics";
import { OverviewView } from "./views/overview";
import { ServerView } from "./views/server";

const VIEWS: Readonly<Record<string, ComponentType>> = {
  overview: OverviewView,
  server: ServerView,
  agents: AgentsView,
  identities: IdentitiesOrOne,
  explain: ExplainView,
  authorities: AuthoritiesView,
  metrics: MetricsView,
  commands: CommandsView,
};

export function App() {
  const [keys, setKeys] = useState(false);
  const state = useValue(link);
  const seen = useValue(overview);
  useOverview();
  useTitle();
  useKeys([
    ...PLACES.map(({ keys, title, view }) => ({ keys, does: title, run: () => go(to(view)) })),
    { keys: "t", does: "light or dark", run: turnTheme },
    { keys: "i", does: "show sources", run: () => sources.set(!sources.value) },
    { keys: "p", does: "pause, and go on", run: () => refresh.set(refresh.value === "paused" ? "live" : "paused") },
    { keys: "?", does: "all keys", run: () => setKeys(true) },
  ]);
  if (state.kind === "signed out" && !seen) return <SignedOut over={false} />;
  const stale = state.kind === "lost" || state.kind === "signed out";
  return (
    <div class="app">
      <Navigation />
      <TopBar onKeys={() => setKeys(true)} />
      <main class={stale ? "main old" : "main"} id="main">
        <View />
        <CommandLine />
      </main>
      <StatusBar />
      {keys && <KeysList onClose={() => setKeys(false)} />}
      {state.kind === "signed out" && <SignedOut over />}
      <p class="vh" aria-live="polite">
        {useValue(polite)}
      </p>
      <p class="vh" aria-live="assertive">
        {useValue(urgent)}
      </p>
    </div>
  );
}

function View() {
  const here = useValue(route).view;
  const Shown = VIEWS[here];
  if (Shown) return <Shown key={here} />;
  return (
    <section class="view">
      <h1>{`No view "${here}"`}</h1>
      <Empty title="This address names nothing that this console shows">
        It may be of another version. <a href={to("overview")}>Open the overview</a>
      </Empty>
    </section>
  );
}

function IdentitiesOrOne() {
  return useValue(route).path.length ? <IdentityView /> : <IdentitiesView />;
}

function useOverview(): void {
  const { data } = useResource<Overview>("/api/overview", (signal) => get("/api/overview", signal));
  useEffect(() => {
    if (data) overview.set(data);
  }, [data]);
  const failing = data?.attention.find((one) => one.severity === "critical");
  useEffect(() => {
    if (failing) warn(`${failing.what}: ${failing.why}`);
  }, [failing?.what]);
}

function useTitle(): void {
  const { view, path } = useValue(route);
  const domain = useValue(overview)?.trust_domain;
  const title = path.at(-1) ?? PLACES.find((one) => one.view === view)?.title ?? view;
  useEffect(() => {
    document.title = [title, ...(domain ? [domain] : []), "Finial"].join(" - ");
  }, [title, domain]);
}
