// How the page is built: asset addresses start at `/`, so that they also work from `/r/<room>`.
import { defineConfig } from "vite";

const node = process.env.RINGCAST_NODE ?? "http://127.0.0.1:3000";

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    // Every asset is a file of its own: a strict content security policy then needs no `data:` addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // `npm run dev` shows the page with live reload and talks to a running node.
  server: { proxy: { "/socket.io": { target: node, ws: true } } },
});
