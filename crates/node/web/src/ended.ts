/** What is shown when the call is over for this peer: why, and what can be done. */
import type { EndReason } from "../client/index.ts";
import { h } from "./dom.ts";
import { logo } from "./icons.ts";

export interface EndedOptions {
  room: string;
  reason: EndReason;
  /** What the server said, in its words. */
  text: string;
  onAgain(): void;
  onHome(): void;
}

function explain({ room, reason, text }: EndedOptions): { title: string; body: string; again: string } {
  switch (reason) {
    case "left":
      return { title: "You left the call", body: `The room ${room} stays open for the others.`, again: "Join again" };
    case "full":
      return { title: "This room is full", body: `No more people fit into ${room} right now. Try again when somebody has left.`, again: "Try again" };
    case "kicked":
      return { title: "You were removed from the call", body: text ? `You were removed ${text}.` : "The host removed you.", again: "Ask to join again" };
    case "unsupported":
      return { title: "This browser can’t take part", body: "A current Chrome, Edge, Firefox or Safari will do.", again: "Try anyway" };
    case "refused":
      return { title: "You could not join", body: `The server said: ${text}.`, again: "Try again" };
  }
}

export function endedView(options: EndedOptions): HTMLElement {
  const { title, body, again } = explain(options);
  return h(
    "main",
    { class: "ended" },
    h(
      "section",
      { class: "ended-card", role: "status", "data-testid": "status-banner", "data-kind": options.reason },
      logo(),
      h("h1", {}, title),
      h("p", {}, body),
      h(
        "div",
        { class: "ended-actions" },
        h("button", { type: "button", class: "primary", "data-testid": "rejoin-button", onclick: () => options.onAgain() }, again),
        h("button", { type: "button", class: "secondary", onclick: () => options.onHome() }, "Choose another room"),
      ),
    ),
  );
}
