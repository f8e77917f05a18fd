/** What is sent for each source: simulcast layers, bit rates and codec options. Figures only, no WebRTC objects. */

export type Source = "microphone" | "camera" | "screen";

/** One layer of a video, lowest first. */
export interface Encoding {
  maxBitrate: number;
  scaleResolutionDownBy?: number;
  scalabilityMode?: string;
}

const FULL_BITRATE = 1_500_000;
const HALF_BITRATE = 500_000;
const QUARTER_BITRATE = 150_000;
const SCREEN_BITRATE = 2_500_000;

/** Small pictures get fewer layers: a browser drops layers that would become too small to be useful. */
export function cameraEncodings(height: number, simulcast: boolean): Encoding[] {
  const layer = (maxBitrate: number, scaleResolutionDownBy: number): Encoding => ({
    maxBitrate,
    scaleResolutionDownBy,
    scalabilityMode: "L1T3",
  });
  const full = height >= 540;
  if (!simulcast) return [layer(full ? FULL_BITRATE : HALF_BITRATE, 1)];
  if (full) return [layer(QUARTER_BITRATE, 4), layer(HALF_BITRATE, 2), layer(FULL_BITRATE, 1)];
  if (height >= 270) return [layer(QUARTER_BITRATE, 2), layer(HALF_BITRATE, 1)];
  return [layer(QUARTER_BITRATE, 1)];
}

/** A shared screen is one layer: text must stay sharp, and few look at it small. */
export function screenEncodings(): Encoding[] {
  return [{ maxBitrate: SCREEN_BITRATE }];
}

/** Speech: repaired by forward error correction, silent when nobody speaks. */
export const OPUS_OPTIONS = { opusFec: true, opusDtx: true, opusStereo: false, opusMaxAverageBitrate: 48_000 };

/** The encoder starts at a usable rate instead of creeping up from its low default. */
export const VIDEO_OPTIONS = { videoGoogleStartBitrate: 800 };
