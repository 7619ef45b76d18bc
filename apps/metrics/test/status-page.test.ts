import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type MetricsUnderTest, startMetricsUnderTest } from "./metrics-under-test.ts";

const HOSTILE_ID = "<script>alert('id')</script>";
const HOSTILE_CUSTOMER = `"><img src=x onerror=alert(1)> & Söhne's`;

describe("with a fleet", () => {
  let metrics: MetricsUnderTest;
  let page: string;

  beforeAll(async () => {
    metrics = await startMetricsUnderTest();
    await fillFleet(metrics);
    page = await (await metrics.get("/")).text();
  });
  afterAll(() => metrics.close());

  test("ids, customers, causes and what a provider said are shown as text and are never markup", () => {
    expect(page).toContain("<bdi>&lt;script&gt;alert(&#39;id&#39;)&lt;/script&gt;</bdi>");
    expect(page).toContain("<bdi>&quot;&gt;&lt;img src=x onerror=alert(1)&gt; &amp; Söhne&#39;s</bdi>");
    expect(page).toContain("&lt;b&gt;cause&lt;/b&gt;");
    expect(page).toContain("&lt;/td&gt;&lt;h1&gt;said&lt;/h1&gt;");
    expect(page).toContain("&lt;i&gt;breaker&lt;/i&gt;");
    expect(page).not.toMatch(/<script>|<img|<b>|<i>breaker|<h1>said/);
  });

  test("nothing on it is inline or from elsewhere, so the policy can forbid all of that", async () => {
    const policy = (await metrics.get("/")).headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(page).not.toMatch(/\sstyle="|\son\w+="|javascript:|https?:\/\//);
    const scripts = page.match(/<script[^>]*>/g) ?? [];
    expect(scripts).toEqual(['<script src="assets/status.js" type="module">']);
  });

  test("all that it refers to is served, as what it is", async () => {
    const addresses = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? "");
    expect(addresses.length).toBeGreaterThanOrEqual(5);
    for (const address of addresses) {
      const answer = await metrics.get(`/${address}`);
      expect(answer.status, address).toBe(200);
      if (address.startsWith("assets/")) expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    }
    expect((await metrics.get("/assets/status.css")).headers.get("content-type")).toContain("text/css");
    expect((await metrics.get("/assets/status.js")).headers.get("content-type")).toContain("text/javascript");
    expect((await metrics.get("/assets/../package.json")).status).toBe(404);
  });

  test("it draws itself anew also where no script runs", () => {
    expect(page).toMatch(/<noscript><meta http-equiv="refresh" content="\d+"><\/noscript>/);
  });

  test("the part that is drawn anew is the page's own", async () => {
    const fragment = await (await metrics.get("/fragment")).text();
    expect(fragment).toMatch(/^<section class="verdict trouble">/);
    expect(fragment).toContain("Latest failures");
    expect(fragment).not.toContain("<html");
  });

  test("it says what is wrong, how many must authorize again and how many are named", () => {
    expect(page).toContain(
      "<h1>The breaker of xero-prod is open for 5 min (&lt;i&gt;breaker&lt;/i&gt;): nothing of it is refreshed. What to do: evergrant breaker list</h1>",
    );
    expect(page).toMatch(
      /<td class="text"><strong class="trouble">open<\/strong> <small><bdi>&lt;i&gt;breaker&lt;\/i&gt;<\/bdi><\/small> <time [^>]+>5 min ago /,
    );
    expect(page).toContain("Needs re-authorization <small>newest 50 of 52</small>");
    expect(page.match(/<tr><th scope="row"><bdi>ended-/g)).toHaveLength(49);
  });

  test("machines get the same numbers", async () => {
    const answer = await metrics.get("/status.json");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      database: "up",
      queue: "up",
      verdict: { level: "trouble" },
      fleet: {
        totals: {
          connections: 55,
          active: 3,
          needsReauth: 52,
          stale: 1,
          refreshes: 230,
          rotated: 200,
          invalidGrants: 20,
          lastHour: { refreshes: 115, invalidGrants: 10 },
          lastDay: { refreshes: 230, invalidGrants: 20 },
        },
        apps: [
          {
            appId: "xero-prod",
            active: { fresh: 2, keepalive: 0, off: 1 },
            needsReauth: 52,
            refreshes: { rotated: 200, rejected: 20, unavailable: 10 },
            lastHourOutcomes: { rotated: 100, rejected: 10, unavailable: 5 },
            lastHour: { refreshes: 115, invalidGrants: 10, latenessMsMean: 20, latenessMsMax: 900 },
            queue: { waiting: 1, active: 0 },
          },
        ],
        failures: [{ connectionId: HOSTILE_ID, customer: HOSTILE_CUSTOMER, outcome: "rejected" }],
      },
    });
  });
});

describe("with nothing yet", () => {
  let metrics: MetricsUnderTest;
  beforeAll(async () => {
    metrics = await startMetricsUnderTest();
  });
  afterAll(() => metrics.close());

  test("it says how to add an app and import connections, then only how to import", async () => {
    const page = await (await metrics.get("/")).text();
    expect(page).toContain("<h1>Nothing to refresh yet: no OAuth app.</h1>");
    expect(page).toContain("npm run admin -- app add xero-prod");
    expect(page).toContain("npm run admin -- connection import connections.ndjson");

    await metrics.store.prisma.oAuthApp.create({
      data: { id: "mine", provider: "xero", environment: "sandbox", clientId: "x" },
    });
    await expect
      .poll(async () => (await metrics.get("/")).text(), { timeout: 10_000 })
      .toContain("<h1>Nothing to refresh yet: no connection.</h1>");
    const later = await (await metrics.get("/")).text();
    expect(later).not.toContain("app add");
    expect(later).toContain("connection import");
  });
});

async function fillFleet({ store: { prisma }, queues }: MetricsUnderTest): Promise<void> {
  const ago = (ms: number) => new Date(Date.now() - ms);
  const appId = "xero-prod";
  await prisma.oAuthApp.create({
    data: {
      id: appId,
      provider: "xero",
      environment: "production",
      clientId: "x",
      breakerState: "open",
      breakerReason: "<i>breaker</i>",
      breakerChangedAt: ago(302_000),
    },
  });
  await prisma.schedulerCursor.create({ data: { appId, sweptAt: ago(0), tickedAt: ago(0) } });
  const ended = { appId, mode: "fresh", state: "needs_reauth" } as const;
  await prisma.connection.createMany({
    data: [
      { id: HOSTILE_ID, customer: HOSTILE_CUSTOMER, ...ended, stateReason: "<b>cause</b>", stateChangedAt: ago(0) },
      ...Array.from({ length: 51 }, (_, index) => ({
        id: `ended-${index}`,
        ...ended,
        stateReason: "unexplained",
        stateChangedAt: ago(60_000 + index),
      })),
      { id: "stale", appId, mode: "fresh", accessTokenExpiresAt: ago(1_000) },
      { id: "fresh", appId, mode: "fresh", accessTokenExpiresAt: ago(-3_600_000) },
      { id: "off", appId, mode: "off" },
    ],
  });
  const bucket = { appId, cause: "", durationMsSum: 0n, latenessMsSum: 0n, latenessMsMax: 0 };
  for (const bucketAt of [ago(600_000), ago(7_200_000)]) {
    await prisma.refreshTally.createMany({
      data: [
        { ...bucket, bucketAt, outcome: "rotated", refreshes: 100n, latenessMsSum: 2_300n, latenessMsMax: 900 },
        { ...bucket, bucketAt, outcome: "rejected", cause: "unexplained", refreshes: 10n },
        { ...bucket, bucketAt, outcome: "unavailable", refreshes: 5n },
      ],
    });
  }
  const evidence = { status: 400, requestId: null, error: "invalid_grant", errorDescription: "</td><h1>said</h1>" };
  const detail = { outcome: "rejected", reason: "invalid_grant", cause: "unexplained", evidence };
  await prisma.refreshEvent.create({ data: { appId, connectionId: HOSTILE_ID, kind: "refresh_failed", detail } });
  await queues.offer(appId, [{ connectionId: "fresh", priority: 10 }]);
}
