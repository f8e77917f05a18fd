/** The strip over the call that says when something is not as it should be, and what happens about it. */
import { h, text } from "./dom.ts";

export interface BannerState {
  /** Names the cause, for tests and styles. */
  kind: "connecting" | "away" | "closing" | "media" | "sound";
  text: string;
  action?: { label: string; run: () => void };
}

export class Banner {
  private readonly text = h("span");
  private readonly action = h("button", { type: "button", class: "banner-action", onclick: () => this.run() });
  readonly element = h(
    "div",
    { class: "banner", role: "status", "data-testid": "status-banner", hidden: true },
    h("span", { class: "banner-mark", "aria-hidden": "true" }),
    this.text,
    this.action,
  );
  private run: () => void = () => undefined;

  update(state: BannerState | null): void {
    this.element.hidden = state === null;
    this.element.dataset.kind = state?.kind ?? "";
    text(this.text, state?.text ?? "");
    this.action.hidden = !state?.action;
    text(this.action, state?.action?.label ?? "");
    this.run = state?.action?.run ?? (() => undefined);
  }
}
