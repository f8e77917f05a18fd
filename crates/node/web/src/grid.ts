/** Places the tiles: all alike, or a stage for what is shared or enlarged with the others beside it. */
import { attribute, h } from "./dom.ts";
import { layoutTiles } from "./grid-layout.ts";
import { Tile, type TileState } from "./tile.ts";

const GAP = 10;
const LEAST_WIDTH = 128;
/** Layer wishes are made when sizes have been still for this long. */
const SETTLE_MS = 250;

/** A received picture and how many device pixels wide it is shown; 0: out of sight. */
export interface Shown {
  consumerId: string;
  width: number;
  layers: number;
}

export class Grid {
  readonly element: HTMLElement;
  private readonly stage = h("div", { class: "grid-stage" });
  private readonly strip = h("div", { class: "grid-tiles" });
  private readonly tiles = new Map<string, Tile>();
  private readonly inSight = new WeakMap<Element, boolean>();
  private readonly sight: IntersectionObserver;
  private focused: string | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onShown: (shown: Shown[]) => void) {
    this.element = h("section", { class: "grid", "aria-label": "People in this room" }, this.stage, this.strip);
    new ResizeObserver(() => this.arrange()).observe(this.element);
    this.sight = new IntersectionObserver((entries) => {
      for (const entry of entries) this.inSight.set(entry.target, entry.isIntersecting);
      this.tellSizes();
    });
    document.addEventListener("visibilitychange", () => this.tellSizes());
  }

  /** Shows exactly these tiles, in this order. */
  update(states: readonly TileState[]): void {
    const keys = new Set(states.map((state) => state.key));
    for (const [key, tile] of this.tiles) {
      if (keys.has(key)) continue;
      this.sight.unobserve(tile.element);
      tile.close();
      this.tiles.delete(key);
    }
    if (this.focused && !keys.has(this.focused)) this.focused = null;
    for (const state of states) {
      const known = this.tiles.get(state.key);
      if (known) known.update(state, this.focused === state.key);
      else this.add(state);
    }
    this.place(states);
    this.arrange();
  }

  private add(state: TileState): void {
    const tile = new Tile(state, (key) => this.toggleFocus(key));
    this.tiles.set(state.key, tile);
    this.sight.observe(tile.element);
  }

  private toggleFocus(key: string): void {
    this.focused = this.focused === key ? null : key;
    this.update([...this.tiles.values()].map((tile) => tile.state));
  }

  /** Puts each tile into the stage or beside it. Elements that are in place already are not touched. */
  private place(states: readonly TileState[]): void {
    const staged = (state: TileState) => (this.focused ? state.key === this.focused : state.screen);
    const main = states.filter(staged);
    const rest = states.filter((state) => !staged(state));
    attribute(this.element, "data-stage", main.length > 0);
    this.fill(this.stage, main);
    this.fill(this.strip, rest);
  }

  private fill(box: HTMLElement, states: readonly TileState[]): void {
    states.forEach(({ key }, at) => {
      const element = this.tiles.get(key)?.element;
      if (!element || box.children[at] === element) return;
      box.insertBefore(element, box.children[at] ?? null);
      // A video stops when it is moved in the document.
      for (const video of element.querySelectorAll("video")) void video.play().catch(() => undefined);
    });
  }

  private arrange(): void {
    this.size(this.stage, 0);
    if (this.element.dataset.stage === "true") this.strip.removeAttribute("style");
    else this.size(this.strip, LEAST_WIDTH);
    this.tellSizes();
  }

  private size(box: HTMLElement, least: number): void {
    const layout = layoutTiles(box.childElementCount, box.clientWidth, box.clientHeight, GAP, least);
    box.style.setProperty("--tile-width", `${layout.width}px`);
    box.style.setProperty("--tile-height", `${layout.height}px`);
  }

  private tellSizes(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onShown([...this.tiles.values()].flatMap((tile) => this.shown(tile))), SETTLE_MS);
  }

  private shown({ state, element }: Tile): Shown | [] {
    if (!state.consumerId || state.layers < 2) return [];
    const visible = this.inSight.get(element) !== false && document.visibilityState === "visible";
    const density = Math.min(2, window.devicePixelRatio || 1);
    return { consumerId: state.consumerId, layers: state.layers, width: visible ? element.clientWidth * density : 0 };
  }
}
