/** Where the page begins: from the address to the lobby, the call, and what comes after it. */
import { RoomClient, type Status } from "../client/index.ts";
import { Call } from "./call.ts";
import { expose } from "./debug.ts";
import { endedView } from "./ended.ts";
import { Lobby } from "./lobby.ts";
import { LocalMedia } from "./local-media.ts";
import { inventRoom, pathOfRoom } from "./names.ts";
import { loadPreferences, readAddress, savePreferences, tabPeerId } from "./settings.ts";
import "./styles/index.css";

const address = readAddress(location.pathname, location.search);
const root = document.querySelector("#app") ?? document.body;
let room: RoomClient | null = null;

function showLobby(): void {
  document.title = "Ringcast";
  const preferences = loadPreferences();
  const media = new LocalMedia(preferences, address.height);
  const lobby = new Lobby(media, {
    name: address.name ?? preferences.name,
    room: address.room ?? (preferences.room || inventRoom(Math.random)),
    invited: address.room !== null,
    onJoin: (name, roomId) => {
      lobby.close();
      savePreferences({ name, room: roomId });
      join(media, name, roomId);
    },
  });
  root.replaceChildren(lobby.element);
  lobby.focus();
  void media.openWanted();
}

function join(media: LocalMedia, name: string, roomId: string): void {
  // The rest of the address stays, so that a reload does the same again.
  history.replaceState(null, "", pathOfRoom(roomId) + location.search);
  address.room = roomId;
  const client = new RoomClient({ url: location.origin, roomId, name, peerId: tabPeerId(), simulcast: address.simulcast });
  room = client;
  const call = new Call(client, media, {
    name,
    roomId,
    onEnded: (status) => {
      call.close();
      media.closeAll();
      showEnded(status, name, roomId);
    },
  });
  root.replaceChildren(call.element);
}

function showEnded({ reason, text }: Status & { phase: "ended" }, name: string, roomId: string): void {
  const view = endedView({
    room: roomId,
    reason,
    text,
    onAgain: () => void joinDirectly(name, roomId),
    onHome: () => {
      history.replaceState(null, "", "/");
      address.room = null;
      savePreferences({ room: "" });
      showLobby();
    },
  });
  root.replaceChildren(view);
  view.querySelector("button")?.focus();
}

/** Joins without the lobby, with the devices that were on the last time. */
async function joinDirectly(name: string, roomId: string): Promise<void> {
  const media = new LocalMedia(loadPreferences(), address.height);
  await media.openWanted();
  join(media, name, roomId);
}

window.addEventListener("pagehide", () => room?.leave());
// A page that the browser kept and shows again has left its room: it starts afresh.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
window.addEventListener("online", () => room?.hurry());
expose(() => room);

if (address.autojoin && address.room) void joinDirectly(address.name ?? (loadPreferences().name || "Guest"), address.room);
else showLobby();
