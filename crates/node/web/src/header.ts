/** The line over the call: the room, how many are in it, and its link. */
import { h, text } from "./dom.ts";
import { icon, logo } from "./icons.ts";
import { pathOfRoom } from "./names.ts";
import type { Notices } from "./notices.ts";

const DONE_MS = 2_000;

export class Header {
  readonly element: HTMLElement;
  private readonly count = h("span", { class: "header-count", "data-testid": "peer-count" });
  private readonly copy: HTMLButtonElement;

  constructor(
    private readonly roomId: string,
    private readonly notices: Notices,
  ) {
    this.copy = h(
      "button",
      { type: "button", class: "secondary copy", "data-testid": "copy-link", onclick: () => void this.copyLink() },
      icon("link"),
      h("span", {}, "Copy link"),
    );
    this.element = h("header", { class: "header" }, logo(), h("h1", {}, roomId), this.count, this.copy);
  }

  setCount(count: number): void {
    text(this.count, count === 1 ? "only you" : `${count} people`);
  }

  private async copyLink(): Promise<void> {
    const link = location.origin + pathOfRoom(this.roomId);
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      // Without https there is no clipboard: the link is shown to be copied by hand.
      return this.notices.show(`Link to this room: ${link}`);
    }
    this.copy.replaceChildren(icon("check"), h("span", {}, "Copied"));
    this.notices.say("Link copied");
    setTimeout(() => this.copy.replaceChildren(icon("link"), h("span", {}, "Copy link")), DONE_MS);
  }
}
