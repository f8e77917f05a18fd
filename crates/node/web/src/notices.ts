/** Short messages that pass: read out to everyone, and those worth seeing also shown for a while. */
import { h } from "./dom.ts";

const SHOWN_MS = 6_000;
const MOST = 3;

export class Notices {
  readonly element = h("div", { class: "notices" });
  private readonly live = h("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });

  constructor() {
    this.element.append(this.live);
  }

  /** Reads out without showing. */
  say(message: string): void {
    this.live.textContent = message;
  }

  show(message: string): void {
    this.say(message);
    const card = h("p", { class: "notice", "aria-hidden": "true" }, message);
    this.element.append(card);
    const cards = this.element.querySelectorAll(".notice");
    if (cards.length > MOST) cards[0]?.remove();
    setTimeout(() => card.remove(), SHOWN_MS);
  }
}
