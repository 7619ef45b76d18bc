import type { Passage } from "@evergrant/testkit";

/** Follows the settles of one worker, piece by piece, and says which of them PostgreSQL has written. */
export interface SettleWatch {
  /** To be shown every piece of the worker's way to PostgreSQL, in order. */
  see(passage: Passage): void;
  /** Whether a settle has been sent on this connection of the proxy. */
  isSettling(connection: number): boolean;
  /** The connections of which the server has said that their new token is committed. */
  readonly written: ReadonlySet<string>;
}

interface Session {
  /** What the worker has sent since its settle began; it ends with the server's word. */
  sent: string;
  /** Of the server's answer: what is not a whole message yet. */
  rest: Buffer;
  isRefused: boolean;
}

/**
 * Reads PostgreSQL's protocol (documentation, "Message Formats"): a Bind names the prepared statement "settle" and
 * carries the connections as JSON; ReadyForQuery with the status "I" comes after the commit, and no ErrorResponse before it.
 */
export function watchSettles(): SettleWatch {
  const sessions = new Map<number, Session>();
  const settling = new Set<number>();
  const written = new Set<string>();
  return {
    written,
    isSettling: (connection) => settling.has(connection),
    see({ from, data, connection }) {
      const session = sessions.get(connection);
      if (from === "client") {
        const isSettle = data.includes(bindOfSettle);
        if (isSettle) settling.add(connection);
        if (session !== undefined) session.sent += data.toString("latin1");
        else if (isSettle) sessions.set(connection, newSession(data));
        return;
      }
      if (session === undefined || !hasCommitted(session, data)) return;
      if (!session.isRefused) for (const id of connectionsIn(session.sent)) written.add(id);
      sessions.delete(connection);
    },
  };
}

const bindOfSettle = "\0settle\0";

function newSession(data: Buffer): Session {
  return { sent: data.toString("latin1"), rest: Buffer.alloc(0), isRefused: false };
}

const typeAndLength = 5;
const idle = "I".charCodeAt(0);

/** Whether the server is ready for the next statement, outside of a transaction. */
function hasCommitted(session: Session, data: Buffer): boolean {
  let rest = Buffer.concat([session.rest, data]);
  while (rest.length >= typeAndLength) {
    const length = 1 + rest.readUInt32BE(1);
    if (rest.length < length) break;
    const type = String.fromCharCode(rest[0] ?? 0);
    if (type === "E") session.isRefused = true;
    if (type === "Z") return rest[typeAndLength] === idle;
    rest = rest.subarray(length);
  }
  session.rest = rest;
  return false;
}

const withNewToken = /"connection_id":"([^"]+)"[^{}]*"refresh_token":"/g;

function connectionsIn(sent: string): string[] {
  return [...sent.matchAll(withNewToken)].flatMap(([, id]) => id ?? []);
}
