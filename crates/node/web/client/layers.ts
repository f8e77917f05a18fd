/** Which simulcast layer suits the size at which a picture is shown. */

export interface Layers {
  spatialLayer: number;
  temporalLayer: number;
}

const TOP_TEMPORAL = 2;
/** Width of the lowest layer in pixels, as senders of several layers make it; each further layer is twice as wide. */
const LOWEST_WIDTH = 320;
/** A layer that is scaled up by this much still looks good, and the next one costs three times the bits. */
const STRETCH = 1.5;

/** Chooses layers for a picture shown `width` device pixels wide (0: not visible) of a video with `count` layers. */
export function layersFor(width: number, count: number): Layers {
  if (width <= 0) return { spatialLayer: 0, temporalLayer: 0 };
  let layer = 0;
  while (layer < count - 1 && LOWEST_WIDTH * 2 ** layer * STRETCH < width) layer += 1;
  return { spatialLayer: layer, temporalLayer: TOP_TEMPORAL };
}

/** Number of spatial layers that a scalability mode such as `L3T3` or `S2T1` names; 1 when it names none. */
export function spatialLayers(scalabilityMode: string | undefined): number {
  const found = /^[LS]([1-9]\d?)T/.exec(scalabilityMode ?? "");
  return found ? Number(found[1]) : 1;
}
