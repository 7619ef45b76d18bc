import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Longer than the request below would be waited for. */
const SLEEP_MS = 2_500;

test("a request that waited for its connection while the process stood still is not sent when it goes on", async () => {
  const presented: string[] = [];
  const server = createServer(async (request, answer) => {
    for await (const chunk of request) presented.push(String(chunk));
    // The only connection falls free while the process stands still, and it finds that out before its timers run.
    setTimeout(() => answer.end("{}"), SLEEP_MS / 2);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const file = join(import.meta.dirname, "support/stand-still.mjs");
  const child = spawn(process.execPath, [file, `http://127.0.0.1:${port}`, `${SLEEP_MS}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await once(child, "close");
    expect(JSON.parse(said)).toEqual({ kind: "none", sent: false, code: "NO_CONNECTION_IN_TIME" });
    expect(presented).toEqual(["first"]);
  } finally {
    child.kill("SIGKILL");
    server.close();
  }
});

test("an answer that came while the process was asleep, for longer than it would have waited, is read", async () => {
  let arrived: (answer: ServerResponse) => void = () => {};
  const request = new Promise<ServerResponse>((resolve) => (arrived = resolve));
  const server = createServer((_, answer) => arrived(answer)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "support/ask-once.mjs"), `http://127.0.0.1:${port}/token`],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  try {
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const answer = await request;
    child.kill("SIGSTOP");
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify({ access_token: "access", refresh_token: "next" }));
    await once(answer, "finish");
    await new Promise((resolve) => setTimeout(resolve, SLEEP_MS));
    child.kill("SIGCONT");
    await once(child, "close");
    expect(JSON.parse(said)).toMatchObject({ kind: "http", status: 200, body: expect.stringContaining("next") });
  } finally {
    child.kill("SIGKILL");
    server.close();
  }
});
