import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  ConfigurationError,
  createLogger,
  createProcessMetrics,
  type HealthServer,
  type HealthServerOptions,
  startHealthServer,
} from "../src/index.ts";

const CANARY = "s3cr3t-canary";
const open: { close(): unknown }[] = [];
const lines: string[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
  lines.splice(0);
});

async function start(options: Partial<HealthServerOptions> = {}): Promise<HealthServer> {
  const server = await startHealthServer({
    host: "127.0.0.1",
    port: 0,
    portVariable: "EVERGRANT_WORKER_PORT",
    logger: createLogger({ app: "worker", level: "info", destination: { write: (line) => void lines.push(line) } }),
    ready: async () => {},
    register: createProcessMetrics({ app: "worker", version: "1.2.3" }),
    ...options,
  });
  open.push(server);
  return server;
}

async function get(server: HealthServer, path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${server.url}${path}`, { headers });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

describe("the probes", () => {
  it("tell alive from ready", async () => {
    const server = await start({ ready: () => Promise.reject(new Error("PostgreSQL\n  does not answer")) });
    expect(await get(server, "/healthz")).toMatchObject({ status: 200, text: "alive\n" });
    expect(await get(server, "/readyz")).toMatchObject({
      status: 503,
      text: "not ready: PostgreSQL does not answer\n",
    });
    expect(await get(await start(), "/readyz")).toMatchObject({ status: 200, text: "ready\n" });
  });

  it("do not give away the password of what is not ready", async () => {
    const server = await start({ ready: () => Promise.reject(new Error(`redis://:${CANARY}@cache refused`)) });
    expect((await get(server, "/readyz")).text).toBe("not ready: redis://:[redacted]@cache refused\n");
  });

  it("answer in time when the check hangs, and do not start a second one meanwhile", async () => {
    let finish = () => {};
    const ready = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)));
    const server = await start({ ready, readyTimeoutMs: 50 });
    const late = { status: 503, text: "not ready: no answer within 50 ms\n" };
    expect(await Promise.all([get(server, "/readyz"), get(server, "/readyz")])).toMatchObject([late, late]);
    expect(await get(server, "/readyz")).toMatchObject(late);
    expect(ready).toHaveBeenCalledTimes(1);
    finish();
    const again = get(server, "/readyz");
    await vi.waitFor(() => expect(ready).toHaveBeenCalledTimes(2));
    finish();
    expect(await again).toMatchObject({ status: 200 });
  });
});

describe("the other routes", () => {
  it("are the metrics of the process and what the app adds", async () => {
    const server = await start({ routes: (app) => void app.get("/status", async () => "all is well") });
    const metrics = await get(server, "/metrics");
    expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(metrics.text).toContain(
      `evergrant_build_info{app="worker",version="1.2.3",node="${process.versions.node}"} 1`,
    );
    expect(await get(server, "/status")).toMatchObject({ status: 200, text: "all is well" });
    expect(await get(server, "/nowhere")).toMatchObject({ status: 404, text: "not found\n" });
  });

  it("that fail say so without the reason, which is in the log, scrubbed", async () => {
    const fail = () => Promise.reject(new Error(`password=${CANARY}`));
    const server = await start({ routes: (app) => void app.get("/status", fail) });
    expect(await get(server, "/status")).toMatchObject({ status: 500, text: "failed, see the log\n" });
    expect(lines.join("")).toContain("password=[redacted]");
    expect(lines.join("")).not.toContain(CANARY);
  });

  it("demand the token where there is one; the probes never do", async () => {
    const server = await start({ token: CANARY, routes: (app) => void app.get("/status", async () => "ok") });
    const basic = (credentials: string) => ({ authorization: `Basic ${Buffer.from(credentials).toString("base64")}` });
    const statusOf = async (path: string, headers = {}) => (await get(server, path, headers)).status;
    expect(await statusOf("/healthz")).toBe(200);
    expect(await statusOf("/readyz")).toBe(200);
    for (const path of ["/metrics", "/status", "/nowhere"]) {
      expect(await statusOf(path)).toBe(401);
      expect(await statusOf(path, { authorization: "Bearer wrong" })).toBe(401);
      expect(await statusOf(path, { authorization: CANARY })).toBe(401);
      expect(await statusOf(path, basic(`${CANARY}:`))).toBe(401);
      expect(await statusOf(path, basic(CANARY))).toBe(401);
    }
    expect(await statusOf("/metrics", { authorization: `Bearer ${CANARY}` })).toBe(200);
    expect(await statusOf("/status", basic(`anyone:${CANARY}`))).toBe(200);
  });
});

describe("an address that cannot be had", () => {
  it("is one clear line that names the variable of the port", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    open.push(other);
    await vi.waitFor(() => expect(other.listening).toBe(true));
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toThrow(
      new ConfigurationError([
        `EVERGRANT_WORKER_PORT: port ${port} of 127.0.0.1 is taken by another program; choose another, or 0 for any free one`,
      ]),
    );
  });

  it("is one clear line that names the variable of the host", async () => {
    const fault = "EVERGRANT_HOST: 192.0.2.1 is no address of this machine; try 127.0.0.1 or 0.0.0.0";
    await expect(start({ host: "192.0.2.1" })).rejects.toThrow(new ConfigurationError([fault]));
  });
});

it("closing does not wait for a reader that hangs, and may be asked for twice", async () => {
  const hung = vi.fn(() => new Promise<void>(() => {}));
  const server = await start({ routes: (app) => void app.get("/hung", hung) });
  const answer = get(server, "/hung").catch(() => "cut off");
  await vi.waitFor(() => expect(hung).toHaveBeenCalled());
  await Promise.all([server.close(), server.close()]);
  expect(await answer).toBe("cut off");
  await expect(get(server, "/healthz")).rejects.toThrow();
});

it("a server on every address tells a URL that can be opened", async () => {
  const server = await start({ host: "0.0.0.0" });
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await get(server, "/healthz")).status).toBe(200);
});
