/** Which simulcast layer suits the size at which a picture is shown. */

export interface Layers {
  spatialLayer: number;
  temporalLayer: number;
}

const TOP_TEMPORAL = 2;

/**
 * Chooses layers for a picture shown `width` device pixels wide (0: not visible) of a video with `count` spatial
 * layers. The full layer counts as 1280 wide, each lower one as half of the next.
 */
export function layersFor(width: number, count: number): Layers {
  if (width <= 0) return { spatialLayer: 0, temporalLayer: 0 };
  // Scaling a layer up a little is not seen; the next one costs three times the bits.
  const needed = width / 1.5;
  let layer = 0;
  while (layer < count - 1 && 1280 / 2 ** (count - 1 - layer) < needed) layer += 1;
  return { spatialLayer: layer, temporalLayer: TOP_TEMPORAL };
}

/** Number of spatial layers that a scalability mode such as `L3T3` or `S2T1` names; 1 when it names none. */
export function spatialLayers(scalabilityMode: string | undefined): number {
  const found = /^[LS]([1-9]\d?)T/.exec(scalabilityMode ?? "");
  return found ? Number(found[1]) : 1;
}
