import { request } from "node:http";
import { afterEach, expect, test } from "vitest";
import { type MetricsUnderTest, type MetricsUnderTestOptions, startMetricsUnderTest } from "./metrics-under-test.ts";

const TOKEN = "correct-horse-battery-staple";
const PRIVATE = ["/", "/fragment", "/status.json", "/assets/status.css"];

let metrics: MetricsUnderTest;
afterEach(() => metrics.close());

async function start(options: MetricsUnderTestOptions): Promise<void> {
  metrics = await startMetricsUnderTest(options);
}

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

test("with a token everything but the probes asks for it, as bearer token or as password of any user", async () => {
  await start({ token: TOKEN });
  for (const path of [...PRIVATE, "/metrics"]) {
    const refused = await metrics.get(path);
    expect(refused.status, path).toBe(401);
    expect(refused.headers.get("www-authenticate")).toContain("Basic");
    expect((await metrics.get(path, { authorization: "Bearer wrong" })).status, path).toBe(401);
    expect((await metrics.get(path, { authorization: `Bearer ${TOKEN}` })).status, path).toBe(200);
    expect((await metrics.get(path, { authorization: basic("anyone", TOKEN) })).status, path).toBe(200);
  }
  expect((await metrics.get("/healthz")).status).toBe(200);
  expect((await metrics.get("/readyz")).status).toBe(200);
});

test("without a token, on this machine only, everything is open", async () => {
  await start({});
  for (const path of [...PRIVATE, "/metrics", "/healthz", "/readyz"]) {
    expect((await metrics.get(path)).status, path).toBe(200);
  }
});

test("without a token, listening for others, metrics are open and the page that names customers is not", async () => {
  await start({ host: "0.0.0.0" });
  expect((await metrics.get("/metrics")).status).toBe(200);
  expect((await metrics.get("/readyz")).status).toBe(200);
  for (const path of PRIVATE) {
    const refused = await metrics.get(path);
    expect(refused.status, path).toBe(403);
    expect(await refused.text()).toContain("Set EVERGRANT_METRICS_TOKEN");
  }
  expect(metrics.logLines.join("")).toContain("EVERGRANT_METRICS_TOKEN is not set");
});

test("with a token, listening for others, the page is there for those who hold it", async () => {
  await start({ host: "0.0.0.0", token: TOKEN });
  expect((await metrics.get("/", { authorization: basic("", TOKEN) })).status).toBe(200);
});

test("a foreign site that gives its own name to this machine's address does not see the page", async () => {
  await start({});
  expect(await statusFor("rebound.example")).toBe(403);
  expect(await statusFor("127.0.0.1.example:80")).toBe(403);
  expect(await statusFor("localhost:1234")).toBe(200);
  expect(await statusFor("[::1]:1234")).toBe(200);
});

/** `fetch` does not let a test choose the Host header. */
function statusFor(host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asking = request(new URL("/status.json", metrics.url), { headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asking.on("error", reject);
    asking.end();
  });
}
