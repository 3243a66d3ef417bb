// A window over the page: the browser keeps the focus in it, and gives it back when it closes.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { Icon } from "./icons";

export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = element.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={element}
      class="modal"
      aria-label={props.title}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => event.target === element.current && props.onClose()}
    >
      <div class="panel-h">
        <h2>{props.title}</h2>
        <span class="grow" />
        <button type="button" class="btn ghost" aria-label="Close" onClick={props.onClose}>
          <Icon name="close" size="s" />
          <kbd class="kbd">esc</kbd>
        </button>
      </div>
      <div class="modal-b">{props.children}</div>
    </dialog>
  );
}
