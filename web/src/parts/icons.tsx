// Icons, 16 by 16, drawn with the text's colour; and marks of state, 14 by 14, each with an outline of its own, so that
// none leans on colour alone.

import type { JSX } from "preact";

const ICONS = {
  overview: (
    <><rect x="2" y="2" width="5" height="6" rx="1"/><rect x="9" y="2" width="5" height="4" rx="1"/><rect x="2" y="10" width="5" height="4" rx="1"/><rect x="9" y="8" width="5" height="6" rx="1"/></>
  ),
  server: (
    <><rect x="2" y="2.5" width="12" height="4.5" rx="1"/><rect x="2" y="9" width="12" height="4.5" rx="1"/><path d="M4.7 4.75h.1M4.7 11.25h.1M8 4.75h3.5M8 11.25h3.5"/></>
  ),
  database: (
    <><ellipse cx="8" cy="3.7" rx="5.5" ry="2"/><path d="M2.5 3.7v8.6c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2V3.7M2.5 8c0 1.1 2.5 2 5.5 2s5.5-.9 5.5-2"/></>
  ),
  agent: (
    <><path d="M8 1.8l5.4 3.1v6.2L8 14.2l-5.4-3.1V4.9z"/><circle cx="8" cy="8" r="2"/></>
  ),
  workload: (
    <><path d="M8 1.8l5.6 2.9L8 7.6 2.4 4.7z"/><path d="M2.4 4.7v6.6L8 14.2l5.6-2.9V4.7M8 7.6v6.6"/></>
  ),
  metrics: (
    <><path d="M1.5 8.5h3l2-5.5 3 10 2-4.5h3"/></>
  ),
  commands: (
    <><rect x="1.5" y="2.5" width="13" height="11" rx="1.5"/><path d="M4.5 6l2 2-2 2M8.5 10.2h3"/></>
  ),
  identity: (
    <><rect x="1.8" y="3" width="12.4" height="10" rx="1.5"/><circle cx="5.6" cy="7" r="1.5"/><path d="M3.4 11c.3-1.2 1.1-1.7 2.2-1.7s1.9.5 2.2 1.7M9.8 6.5h2.4M9.8 9.2h2.4"/></>
  ),
  explain: (
    <><circle cx="7" cy="7" r="4.7"/><path d="M10.5 10.5L14 14M5.7 6c.1-.9.7-1.3 1.4-1.3.8 0 1.4.5 1.4 1.2 0 1-1.4 1-1.4 2M7.1 9.3h.01"/></>
  ),
  authority: (
    <><circle cx="8" cy="6" r="4"/><path d="M5.7 9.4L4.7 14 8 12.3 11.3 14l-1-4.6M6.5 6l1.1 1.1L9.6 5"/></>
  ),
  search: (
    <><circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5L14 14"/></>
  ),
  copy: (
    <><rect x="5.5" y="5.5" width="8" height="8" rx="1.2"/><path d="M10.5 5.5v-2a1 1 0 00-1-1h-6a1 1 0 00-1 1v6a1 1 0 001 1h2"/></>
  ),
  down: (
    <><path d="M4 6.5l4 4 4-4"/></>
  ),
  right: (
    <><path d="M6 4l4 4-4 4"/></>
  ),
  close: (
    <><path d="M4 4l8 8M12 4l-8 8"/></>
  ),
  lock: (
    <><rect x="3" y="7" width="10" height="7" rx="1.2"/><path d="M5.2 7V5a2.8 2.8 0 015.6 0v2"/></>
  ),
  clock: (
    <><circle cx="8" cy="8" r="5.8"/><path d="M8 4.8V8l2.2 1.5"/></>
  ),
  sun: (
    <><circle cx="8" cy="8" r="2.8"/><path d="M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9"/></>
  ),
  moon: (
    <><path d="M13.3 9.7A5.7 5.7 0 016.3 2.7a5.7 5.7 0 107 7z"/></>
  ),
  filter: (
    <><path d="M2 3.5h12M4.5 8h7M6.8 12.5h2.4"/></>
  ),
  export: (
    <><path d="M8 2v8M5 7l3 3 3-3M2.5 11.5v2h11v-2"/></>
  ),
  more: (
    <><path d="M3.5 8h.01M8 8h.01M12.5 8h.01" stroke-width="2.2"/></>
  ),
  edit: (
    <><path d="M2.5 13.5l.7-3 7.6-7.6 2.3 2.3-7.6 7.6z"/></>
  ),
  pause: (
    <><path d="M5.5 3.5v9M10.5 3.5v9"/></>
  ),
  rising: (
    <><path d="M4 12l8-8M6 4h6v6"/></>
  ),
  falling: (
    <><path d="M4 4l8 8M12 6v6H6"/></>
  ),
  flat: (
    <><path d="M2.5 8h11M10 4.5L13.5 8 10 11.5"/></>
  ),
  link: (
    <><path d="M6.5 9.5l3-3M7 4.5l1.3-1.3a3 3 0 014.4 4.4L11.3 9M9 11.5l-1.3 1.3a3 3 0 01-4.4-4.4L4.7 7"/></>
  ),
} satisfies Record<string, JSX.Element>;

const MARKS = {
  ok: (
    <><circle cx="7" cy="7" r="6" fill="currentColor" opacity=".18"/><circle cx="7" cy="7" r="5.4" fill="none" stroke="currentColor" stroke-width="1.2"/><path d="M4.5 7.2l1.8 1.8 3.3-3.6" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></>
  ),
  warning: (
    <><path d="M7 1.3L13.2 12.4H.8z" fill="currentColor" opacity=".2"/><path d="M7 1.3L13.2 12.4H.8z" fill="none" stroke="currentColor" stroke-width="1.2" stroke-linejoin="round"/><path d="M7 5.3v3.2M7 10.4v.1" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/></>
  ),
  failing: (
    <><path d="M4.5 1h5L13 4.5v5L9.5 13h-5L1 9.5v-5z" fill="currentColor"/><path d="M4.9 4.9l4.2 4.2M9.1 4.9L4.9 9.1" stroke="var(--bg-1)" stroke-width="1.6" stroke-linecap="round"/></>
  ),
  info: (
    <><circle cx="7" cy="7" r="5.4" fill="none" stroke="currentColor" stroke-width="1.2"/><path d="M7 6.4v3.4M7 4.2v.1" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/></>
  ),
  pending: (
    <><circle cx="7" cy="7" r="5.4" fill="none" stroke="currentColor" stroke-width="1.2"/><path d="M7 1.6a5.4 5.4 0 010 10.8z" fill="currentColor"/></>
  ),
  delivered: (
    <><circle cx="7" cy="7" r="5.4" fill="none" stroke="currentColor" stroke-width="1.2"/><circle cx="7" cy="7" r="2.2" fill="currentColor"/></>
  ),
  gone: (
    <><circle cx="7" cy="7" r="5.4" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2.2 2"/></>
  ),
  banned: (
    <><rect x="1.6" y="1.6" width="10.8" height="10.8" rx="1.5" fill="none" stroke="currentColor" stroke-width="1.2"/><path d="M3.5 10.5l7-7" stroke="currentColor" stroke-width="1.4"/></>
  ),
  none: (
    <><path d="M3 7h8" stroke="currentColor" stroke-width="1.4" stroke-linecap="round"/></>
  ),
  dot: (
    <><circle cx="7" cy="7" r="3.6" fill="currentColor"/></>
  ),
} satisfies Record<string, JSX.Element>;

export type IconName = keyof typeof ICONS;
export type MarkName = keyof typeof MARKS;

export function Icon({ name, size = "" }: { name: IconName; size?: "" | "s" | "xs" }) {
  return (
    <svg class={`i ${size}`} viewBox="0 0 16 16" aria-hidden="true">
      {ICONS[name]}
    </svg>
  );
}

/** `tone`: the class of its colour; always beside a word. */
export function Mark({ name, tone = "", small = true }: { name: MarkName; tone?: string; small?: boolean }) {
  return (
    <svg class={`g ${small ? "s" : ""} ${tone}`} viewBox="0 0 14 14" aria-hidden="true">
      {MARKS[name]}
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 20 20" aria-hidden="true">
      <circle cx="10" cy="3.2" r="1.7" fill="currentColor" stroke="none" />
      <path d="M10 5.6c3 2.2 3.9 4.3 3.9 6 0 1.5-.9 2.4-1.9 2.9H8c-1-.5-1.9-1.4-1.9-2.9 0-1.7.9-3.8 3.9-6z" />
      <path d="M4.5 17.4h11" stroke-linecap="round" />
    </svg>
  );
}
