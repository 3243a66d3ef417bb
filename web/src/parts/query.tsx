// The field of a table's filter: tokens that are set as chips, and a field for one more; what cannot be read is told.

import { useRef, useState } from "preact/hooks";

import { tokens, without } from "../pure/filter";
import { useKeys } from "../state/keys";
import { Icon } from "./icons";

interface Props {
  readonly query: string;
  readonly hint: string; // which words there are
  readonly wrong: readonly string[];
  readonly onChange: (query: string) => void;
}

export function Query({ query, hint, wrong, onChange }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState("");
  useKeys([{ keys: "f", does: "filter", run: () => field.current?.focus() }]);

  const add = () => {
    if (draft.trim()) onChange(`${query} ${draft.trim()}`.trim());
    setDraft("");
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter") add();
    else if (event.key === "Backspace" && !draft && query) {
      const last = tokens(query).at(-1);
      if (last) onChange(without(query, last.text));
    } else if (event.key === "Escape") {
      if (draft) setDraft("");
      else field.current?.blur();
    }
  };
  return (
    <div class="query-box">
      <div class="query">
        <Icon name="filter" size="s" />
        {tokens(query).map(({ text }) => (
          <span class="chip ui">
            {text}
            <button type="button" aria-label={`remove ${text}`} onClick={() => onChange(without(query, text))}>
              <Icon name="close" size="xs" />
            </button>
          </span>
        ))}
        <input
          ref={field}
          type="text"
          aria-label={`Filter: ${hint}`}
          placeholder={query ? `add: ${hint}` : hint}
          value={draft}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={press}
          onBlur={add}
        />
        {query && (
          <button type="button" class="link t12" onClick={() => onChange("")}>
            clear
          </button>
        )}
        <kbd class="kbd">f</kbd>
      </div>
      {wrong.map((one) => (
        <p class="t12 warn" role="alert">
          {one}
        </p>
      ))}
    </div>
  );
}
