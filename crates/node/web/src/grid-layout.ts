/** How many columns and how large: the arithmetic of the grid of faces. */

export interface Layout {
  columns: number;
  width: number;
  height: number;
}

const WIDEST = 16 / 9;
/** Tiles in a tall window may be taller than wide; elsewhere they stay landscape. */
const NARROWEST_TALL = 3 / 4;
const NARROWEST = 4 / 3;

/**
 * The layout that gives `count` tiles the largest area in a box of `width` by `height` pixels. When they would become
 * narrower than `least`, tiles keep that width and the box has to scroll.
 */
export function layoutTiles(count: number, width: number, height: number, gap: number, least: number): Layout {
  const narrowest = height > width ? NARROWEST_TALL : NARROWEST;
  let best: Layout = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * WIDEST));
    const tileHeight = Math.floor(Math.min(cellHeight, tileWidth / narrowest));
    if (tileWidth > 0 && tileHeight > 0 && tileWidth * tileHeight > best.width * best.height) {
      best = { columns, width: tileWidth, height: tileHeight };
    }
  }
  if (best.width >= least || width <= 0) return best;
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const tileWidth = Math.floor((width - gap * (columns - 1)) / columns);
  return { columns, width: tileWidth, height: Math.floor(tileWidth / NARROWEST) };
}
