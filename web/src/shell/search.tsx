// Search for an identity, an agent, a selector or a process: what fits is offered while one types.

import { useEffect, useRef, useState } from "preact/hooks";

import { get } from "../api/client";
import type { AgentRow, IdentityRow } from "../api/models";
import { Icon, type IconName } from "../parts/icons";
import { pathOf } from "../pure/format";
import { pageOf, to } from "../pure/route";
import { useKeys } from "../state/keys";
import { go } from "../state/route";

interface Found {
  readonly icon: IconName;
  readonly title: string;
  readonly about: string;
  readonly href: string;
}

const [MOST, PAUSE] = [5, 150]; // of each kind; milliseconds without a letter

export function Search() {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [found, setFound] = useState<readonly Found[]>([]);
  const [at, setAt] = useState(0);
  const [open, setOpen] = useState(false);
  useKeys([{ keys: "/", does: "search", run: () => field.current?.focus() }]);

  useEffect(() => {
    const wanted = text.trim();
    if (!wanted) {
      setFound([]);
      return;
    }
    const gone = new AbortController();
    const timer = setTimeout(() => {
      look(wanted, gone.signal).then(
        (all) => {
          setFound(all);
          setAt(0);
        },
        () => setFound(fallback(wanted)), // the connection's own state is told elsewhere
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [text]);

  const choose = (one: Found | undefined) => {
    const chosen = one ?? fallback(text.trim())[0];
    if (!text.trim() || !chosen) return;
    go(chosen.href);
    setText("");
    setOpen(false);
    field.current?.blur();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter") choose(found[at]);
    else if (event.key === "Escape") field.current?.blur();
    else if (event.key === "ArrowDown") setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else return;
    event.preventDefault();
  };
  const listed = open && found.length > 0;
  return (
    <div class="search" role="search">
      <div class="find">
        <Icon name="search" size="s" />
        <input
          ref={field}
          type="text"
          role="combobox"
          aria-label="Search"
          aria-expanded={listed}
          aria-controls="found"
          aria-autocomplete="list"
          {...(listed ? { "aria-activedescendant": `found-${at}` } : {})}
          placeholder="Identity, agent, selector, pid"
          value={text}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={press}
        />
        <kbd class="kbd">/</kbd>
      </div>
      <ul id="found" class="found" role="listbox" aria-label="Found" hidden={!listed}>
        {found.map((one, index) => (
          <li
            id={`found-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseDown={(event) => {
              event.preventDefault();
              choose(one);
            }}
          >
            <Icon name={one.icon} size="s" />
            <span class="mono-s cut grow">{one.title}</span>
            <span class="f3 t11">{one.about}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

async function look(text: string, signal: AbortSignal): Promise<Found[]> {
  const query = `text=${encodeURIComponent(text)}&most=${MOST}`;
  const [agents, entries] = await Promise.all([
    get<{ rows: AgentRow[] }>(`/api/agents?${query}`, signal),
    get<{ rows: IdentityRow[] }>(`/api/entries?${query}`, signal),
  ]);
  return [
    ...entries.rows.map((one) => ({
      icon: "identity" as const,
      title: pathOf(one.spiffe_id),
      about: one.selectors.join(" "),
      href: pageOf(one.spiffe_id, one.entry_id),
    })),
    ...agents.rows.map((one) => ({
      icon: "agent" as const,
      title: pathOf(one.id),
      about: `agent, ${one.state}`,
      href: to("agents", { row: one.id }),
    })),
    ...fallback(text),
  ];
}

function fallback(text: string): Found[] {
  if (/^\d+$/.test(text)) {
    return [{ icon: "explain", title: `pid ${text}`, about: "explain this process", href: to("explain", { pid: text }) }];
  }
  return [{ icon: "identity", title: text, about: "all identities with this text", href: to("identities", { q: text }) }];
}
