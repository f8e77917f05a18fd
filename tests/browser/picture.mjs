// What the fake camera shows: a still picture whose colours a test can recognise after coding and forwarding.
import { writeFileSync } from 'node:fs';

export const GROUND = [48, 92, 140];
export const CORNER = [230, 160, 80];
const WIDTH = 640;
const HEIGHT = 360;

/** Writes a YUV4MPEG file: the ground colour, and the corner colour in the upper left quarter. */
export function writePicture(path) {
  const ground = yuv(GROUND);
  const corner = yuv(CORNER);
  const planes = [plane(WIDTH, HEIGHT, 0), plane(WIDTH / 2, HEIGHT / 2, 1), plane(WIDTH / 2, HEIGHT / 2, 2)];
  const frame = Buffer.concat([Buffer.from('FRAME\n'), ...planes]);
  const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F20:1 Ip A1:1 C420jpeg\n`);
  writeFileSync(path, Buffer.concat([head, ...Array(20).fill(frame)]));

  function plane(width, height, component) {
    const bytes = Buffer.alloc(width * height, ground[component]);
    for (let y = 0; y < height / 2; y += 1) bytes.fill(corner[component], y * width, y * width + width / 2);
    return bytes;
  }
}

/** BT.601 with the narrow range that cameras use. */
function yuv([r, g, b]) {
  return [
    Math.round(16 + 0.257 * r + 0.504 * g + 0.098 * b),
    Math.round(128 - 0.148 * r - 0.291 * g + 0.439 * b),
    Math.round(128 + 0.439 * r - 0.368 * g - 0.071 * b),
  ];
}
