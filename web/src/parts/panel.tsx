// A box with a title: what it is about, and what belongs to its head.

import type { ComponentChildren } from "preact";

export function Panel(props: {
  title: string;
  sub?: ComponentChildren;
  head?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    <section class={`panel ${props.class ?? ""}`} aria-label={props.title}>
      <div class="panel-h">
        <h2>{props.title}</h2>
        {props.sub && <span class="sub">{props.sub}</span>}
        <span class="grow" />
        {props.head}
      </div>
      {props.children}
    </section>
  );
}

export function Head({ title, sub, children }: { title: string; sub?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <div class="ph">
      <h1>{title}</h1>
      {sub && <span class="f2 sub">{sub}</span>}
      <span class="grow" />
      {children}
    </div>
  );
}

/** A SPIFFE ID, cut before its path where room is short. */
export function Id({ id, href, strong = true }: { id: string; href?: string; strong?: boolean }) {
  const match = /^(spiffe:\/\/[^/]+)(\/.*)$/.exec(id);
  const told = match ? (
    <>
      <span class="f3">{match[1]}</span>
      <span class={strong ? "m" : ""}>{match[2]}</span>
    </>
  ) : (
    id
  );
  return href ? (
    <a class="id mono" href={href} title={id}>
      {told}
    </a>
  ) : (
    <span class="id mono" title={id}>
      {told}
    </span>
  );
}
