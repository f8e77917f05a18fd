/** The page's icons: strokes on a 24 by 24 grid in the colour of the text. */

const SHAPES = {
  microphone: '<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>',
  microphoneOff:
    '<path d="M15 9.5V6a3 3 0 0 0-5.7-1.3M9 9.5V11a3 3 0 0 0 4.5 2.6M5.5 11.5a6.5 6.5 0 0 0 10.2 5.3M18.5 11.5c0 .9-.2 1.7-.5 2.5M12 18v3M4 3.5l16 17"/>',
  camera: '<rect x="3" y="6" width="12.5" height="12" rx="3"/><path d="m15.5 10.5 5.5-3v9l-5.5-3z"/>',
  cameraOff:
    '<path d="M9.5 6h3a3 3 0 0 1 3 3v3.5M15.5 15.5a3 3 0 0 1-3 2.5H6a3 3 0 0 1-3-3V9a3 3 0 0 1 2-2.8M15.5 10.5l5.5-3v9l-3-1.6M4 3.5l16 17"/>',
  screen: '<rect x="3" y="4.5" width="18" height="12" rx="2.5"/><path d="M12 13.5v-6M9.3 10 12 7.3l2.7 2.7M8.5 20h7"/>',
  screenOff: '<rect x="3" y="4.5" width="18" height="12" rx="2.5"/><path d="m9.7 8.2 4.6 4.6M14.3 8.2l-4.6 4.6M8.5 20h7"/>',
  leave: '<path d="M3.2 14.8c-.9-3.3 3.5-6.3 8.8-6.3s9.7 3 8.8 6.3c-.3 1-1.3 1.3-2.3 1l-2.3-.7c-.8-.2-1.2-.8-1.2-1.6v-1.3a10 10 0 0 0-6 0v1.3c0 .8-.4 1.4-1.2 1.6l-2.3.7c-1 .3-2 0-2.3-1z"/>',
  details: '<path d="M4 18v-4M9.3 18V9.5M14.7 18v-6M20 18V5"/>',
  link: '<path d="M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.1-1.1"/>',
  check: '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
  close: '<path d="m6 6 12 12M18 6 6 18"/>',
  expand: '<path d="M14 4.5h5.5V10M10 19.5H4.5V14M19.5 4.5 13.5 10.5M4.5 19.5l6-6"/>',
} as const;

export type IconName = keyof typeof SHAPES;

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = SHAPES[name];
  return svg;
}

/** The mark of the product: a voice and the rings it throws. */
export function logo(): SVGSVGElement {
  const svg = icon("check");
  svg.setAttribute("class", "logo-mark");
  svg.innerHTML =
    '<circle cx="12" cy="12" r="3.6" fill="currentColor" stroke="none"/>' +
    '<path d="M6.9 17.1a7.2 7.2 0 1 1 10.2 0"/><path d="M3.5 19.2a11 11 0 1 1 17 0" opacity=".45"/>';
  return svg;
}
