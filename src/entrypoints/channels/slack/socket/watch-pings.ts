import { subscribe, unsubscribe } from 'node:diagnostics_channel';

const channel = 'undici:websocket:ping';

/** Calls back for each ping that arrives on the socket; a WebSocket itself does not tell. Returns how to end that. */
export function watchPings(socket: WebSocket, onPing: () => void): () => void {
  const look = (told: unknown): void => {
    if ((told as { websocket?: unknown }).websocket === socket) onPing();
  };
  subscribe(channel, look);
  return () => unsubscribe(channel, look);
}
