import type { TcpProxy } from "./tcp-proxy.ts";

/** ReadyForQuery of a session that is in no transaction, and of one that is. */
const ready = [Buffer.from("Z\0\0\0\x05I", "latin1"), Buffer.from("Z\0\0\0\x05T", "latin1")];

export interface EndedSession {
  /** Whether there were as many answers. */
  hasEnded(): boolean;
  /** Lets all later ones pass. */
  unwatch(): void;
}

/**
 * Ends one session of the PostgreSQL behind the proxy as an operator or a restart does, in the very moment in which it
 * has given the `nth` answer of all sessions from now on, counted from 1: its client learns of both at once.
 *
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export function endSessionAfterAnswer(proxy: TcpProxy, nth: number): EndedSession {
  let answers = 0;
  const unwatch = proxy.watch(({ from, data }) => {
    if (from === "client" || !ready.some((end) => data.subarray(-end.length).equals(end))) return undefined;
    answers += 1;
    return answers === nth ? { lastly: ended() } : undefined;
  });
  return { hasEnded: () => answers >= nth, unwatch };
}

function ended(): Buffer {
  const fields = Buffer.from(
    "SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0",
    "latin1",
  );
  const length = Buffer.alloc(4);
  length.writeInt32BE(length.length + fields.length);
  return Buffer.concat([Buffer.from("E"), length, fields]);
}
