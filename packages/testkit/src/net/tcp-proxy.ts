import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A piece of what one side of a connection sends, in the order in which it was sent. */
export interface Passage {
  readonly from: "client" | "server";
  readonly data: Buffer;
  /** Number of the connection, counted from 1. */
  readonly connection: number;
  /** The first piece that the client sent on this connection: what it is there for. */
  readonly greeting: Buffer;
}

/**
 * Looks at a piece before it is passed on. `hold` keeps it, and all that this side of the connection sends after it.
 * `lastly` goes after it in the same piece, and nothing after that: the connection ends.
 */
export type Watcher = (passage: Passage) => "hold" | { readonly lastly: Buffer } | undefined;

/** Stands between a client and a server on loopback, and can be as unkind as a network. */
export interface TcpProxy {
  readonly port: number;
  /** Ends every connection and refuses new ones, as a server that was stopped. */
  cut(): Promise<void>;
  /** Ends every connection; new ones are taken. */
  sever(): void;
  /** Takes connections and passes nothing on, as a host that vanished. */
  silence(): void;
  /** As before. What was held back is passed on. */
  restore(): Promise<void>;
  /** What was held back never arrives, and its connections end. */
  lose(): void;
  /** From now on every piece is shown to the watcher. Returns what ends that; what it held goes on only with `restore`. */
  watch(watcher: Watcher): () => void;
  /** The ports from which the server is reached at this moment: by these it knows its sessions. */
  serverSidePorts(): number[];
  /** Resolves when the server has closed every connection: whatever a client sent before its end has been carried out. */
  emptied(): Promise<void>;
}

interface Line {
  readonly number: number;
  readonly near: Socket;
  readonly far: Socket;
  greeting: Buffer | null;
  readonly held: Record<Passage["from"], Buffer[] | null>;
}

/**
 * A proxy on a free port. A client that dies is passed on as it would be without a proxy: what it had sent
 * reaches the server before its end does.
 */
export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const lines = new Set<Line>();
  const watchers = new Set<Watcher>();
  const waiting = new Set<() => void>();
  let isSilent = false;
  let opened = 0;

  const server = createServer((near) => {
    opened += 1;
    const line: Line = {
      number: opened,
      near,
      far: connect(target),
      greeting: null,
      held: { client: null, server: null },
    };
    lines.add(line);
    for (const [from, socket, other] of [
      ["client", near, line.far],
      ["server", line.far, near],
    ] as const) {
      socket.on("data", (data) => pass(line, from, data, other));
      socket.on("error", () => {});
      socket.on("close", () => other.end());
      if (isSilent) socket.pause();
    }
    near.on("close", () => forget(line));
    line.far.on("close", () => {
      forget(line);
      for (const look of waiting) look();
    });
  });

  function forget(line: Line): void {
    if (line.near.closed && line.far.closed) lines.delete(line);
  }

  function pass(line: Line, from: Passage["from"], data: Buffer, other: Socket): void {
    if (from === "client") line.greeting ??= data;
    const held = line.held[from];
    if (held !== null) {
      held.push(data);
      return;
    }
    const passage = { from, data, connection: line.number, greeting: line.greeting ?? data };
    const verdicts = [...watchers].map((watcher) => watcher(passage));
    const last = verdicts.find((verdict) => typeof verdict === "object");
    if (verdicts.includes("hold")) line.held[from] = [data];
    else if (last === undefined) other.write(data);
    else finish(line, other, Buffer.concat([data, last.lastly]));
  }

  function finish({ near, far }: Line, receiver: Socket, data: Buffer): void {
    receiver.end(data);
    (receiver === near ? far : near).destroy();
  }

  function sever(): void {
    for (const { near, far } of lines) {
      near.destroy();
      far.destroy();
    }
  }

  async function cut(): Promise<void> {
    const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : undefined;
    sever();
    await closed;
  }

  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    cut,
    sever,
    silence() {
      isSilent = true;
      for (const { near, far } of lines) for (const socket of [near, far]) socket.pause();
    },
    async restore() {
      isSilent = false;
      for (const line of lines) {
        release(line);
        for (const socket of [line.near, line.far]) socket.resume();
      }
      if (!server.listening) await listen(server, port);
    },
    lose() {
      for (const { near, far, held } of lines) {
        if (held.client === null && held.server === null) continue;
        held.client = null;
        held.server = null;
        near.destroy();
        far.destroy();
      }
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    serverSidePorts: () => [...lines].flatMap(({ far }) => (far.closed ? [] : (far.localPort ?? []))),
    emptied: () =>
      new Promise((resolve) => {
        const look = () => {
          if ([...lines].some(({ far }) => !far.closed)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

function release({ near, far, held }: Line): void {
  for (const data of held.client ?? []) far.write(data);
  for (const data of held.server ?? []) near.write(data);
  held.client = null;
  held.server = null;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
