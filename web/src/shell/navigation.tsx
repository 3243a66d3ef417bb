// The side bar: where one is, where one may go, whose page it is. On a phone it lies at the bottom, the rest under More.

import { useState } from "preact/hooks";

import { Icon, Logo } from "../parts/icons";
import { StatusMark } from "../parts/state";
import { count } from "../pure/format";
import { to } from "../pure/route";
import { session } from "../state/connection";
import { useValue } from "../state/observable";
import { overview } from "../state/overview";
import { route } from "../state/route";
import { INVESTIGATE, TABS, type Place } from "./places";

export function Navigation() {
  const [more, setMore] = useState(false);
  return (
    <nav class={more ? "nav more" : "nav"} aria-label="Sections" onClick={() => setMore(false)}>
      <div class="brand">
        <Logo />
        <span>Finial</span>
      </div>
      <Domain />
      <div class="over">Monitor</div>
      {TABS.map((place) => (
        <Link place={place} />
      ))}
      <div class="over">Investigate</div>
      {INVESTIGATE.map((place) => (
        <Link place={place} />
      ))}
      <button
        type="button"
        class="more-button"
        aria-expanded={more}
        onClick={(event) => {
          event.stopPropagation();
          setMore(!more);
        }}
      >
        <Icon name="more" />
        More
      </button>
      <div class="spacer" />
      <Who />
    </nav>
  );
}

function Domain() {
  const seen = useValue(overview);
  return (
    <div class="domain">
      <b>{seen?.trust_domain ?? "trust domain not known yet"}</b>
      <span>{seen ? (seen.own ? "Finial server" : "SPIRE server") : "asking"}</span>
    </div>
  );
}

function Link({ place }: { place: Place }) {
  const here = useValue(route).view === place.view;
  const range = useValue(route).query["range"];
  return (
    <a
      href={to(place.view, range ? { range } : {})}
      data-view={place.view}
      title={place.title}
      {...(here ? { "aria-current": "page" } : {})}
    >
      <Icon name={place.icon} />
      <span>{place.title}</span>
      <span class="n" aria-hidden="true">
        <Noted view={place.view} />
        <kbd class="kbd">{place.keys}</kbd>
      </span>
    </a>
  );
}

/** What a card of the view deviates by, or how many there are. */
function Noted({ view }: { view: string }) {
  const seen = useValue(overview);
  const card = seen?.cards.find((one) => one.id === view);
  if (card && (card.status === "warning" || card.status === "failing")) return <StatusMark status={card.status} />;
  const figure = { agents: ["agents", "agents"], identities: ["server", "entries"] }[view];
  const lines = seen?.cards.find((one) => one.id === figure?.[0])?.lines;
  const value = lines?.find((one) => one.label === figure?.[1])?.figure.value;
  return typeof value === "number" ? <>{count(value)}</> : null;
}

function Who() {
  const who = useValue(session);
  if (!who) return null;
  return (
    <div class="who">
      <span class="av" aria-hidden="true">
        {who.subject.slice(0, 2).toUpperCase()}
      </span>
      <span class="grow">
        <span class="m cut">{who.subject}</span>
        <span class="t11 f3">{who.role === "admin" ? "admin" : "viewer, read-only"}</span>
      </span>
      {who.role !== "admin" && <Icon name="lock" size="s" />}
    </div>
  );
}
