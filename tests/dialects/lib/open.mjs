// Connections that are open, so that a test that fails leaves none behind.
const open = new Set();

/** Remembers how a connection is ended. */
export const opened = (end) => open.add(end);

/** Ends every connection that was ever opened. */
export function endAll() {
  for (const end of open) end();
  open.clear();
}
