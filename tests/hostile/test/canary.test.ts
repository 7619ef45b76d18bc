import { type CanarySearch, type Env, findCanaries, type PlacesToSearch, type Room } from "@evergrant/testkit";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { until } from "../../e2e/process.ts";
import { CANARIES, type CanaryFleet, createCanaryFleet } from "./canary/canary-fleet.ts";
import { BEHAVIOURS, type EchoingProvider, startEchoingProvider } from "./canary/echoing-provider.ts";

const search = (places: PlacesToSearch) => findCanaries(Object.values(CANARIES), places);
const CONNECTIONS_EACH = 2;
/** Commands that need no more than a look at what they say. */
const FEW = 2;
/** Processes that start at the same time. */
const AT_ONCE = 3;
/** Seconds are enough where nothing else runs. */
const PATIENCE_MS = 90_000;

describe.each([
  ["Redis", true],
  ["PostgreSQL", false],
] as const)("a fleet with its queues in %s, after a provider has done its worst", (_, withRedis) => {
  const isPossible = !withRedis || inject("redisUrl") !== null;
  let fleet: CanaryFleet;
  let provider: EchoingProvider;
  const searches: Record<string, CanarySearch> = {};

  beforeAll(async () => {
    if (!isPossible) return;
    provider = await startEchoingProvider(CANARIES);
    fleet = await createCanaryFleet(withRedis);
    await connectEverything();
    await Promise.all([fleet.start("scheduler"), fleet.start("metrics"), fleet.start("worker"), fleet.start("worker")]);
    const isAnswered = () => BEHAVIOURS.every((behaviour) => provider.requests(behaviour) >= 2);
    await until("every kind of answer was given", isAnswered, PATIENCE_MS);
    await operate();
    await loseTheDatabase();
    searches.after = await search(fleet.places());
  }, 240_000);
  afterAll(async () => {
    await fleet?.stop();
    await provider?.close();
  });

  test.runIf(isPossible)(
    "no secret is in its logs, pages, queues, rows, arguments, nor where it may not be in an environment",
    () => {
      expect(searches.after?.sightings).toEqual([]);
      const { texts, pages, redisUrls, databaseUrls, processes } = searches.after?.read ?? {};
      expect(texts?.bytes).toBeGreaterThan(20_000);
      expect(pages?.pieces).toBeGreaterThan(20);
      expect(databaseUrls?.bytes).toBeGreaterThan(20_000);
      expect(processes?.pieces).toBe(8);
      expect(redisUrls?.pieces ?? 0).toBeGreaterThan(withRedis ? 10 : -1);
    },
  );

  test.runIf(isPossible)("nor while the database is away and token sets wait in the escrow", () => {
    expect(searches.during?.sightings).toEqual([]);
  });

  test.runIf(isPossible)("all of them were there to be found", async () => {
    // Sealed in the rows, and in the hands of the processes that need them: the search looked for the right things.
    const { env, keyEnv } = fleet;
    const { sightings } = await search({
      texts: { env: JSON.stringify(env), keyEnv: JSON.stringify(keyEnv), minted: provider.mint("rotate", 1) },
    });
    const found = new Set(sightings.map(({ canary }) => canary));
    expect(found).toContain(CANARIES.refresh.name);
    expect(found).toContain(CANARIES.keyRing.name);
    expect(found).toContain(CANARIES.database.name);
    expect(found).toContain(CANARIES.metrics.name);
    expect(found.has(CANARIES.redis.name)).toBe(withRedis);
  });

  async function connectEverything(): Promise<void> {
    const descriptor = fleet.file(
      "echo.json",
      JSON.stringify({
        provider: "echo",
        tokenUrl: provider.tokenUrl,
        requestIdHeader: "x-request-id",
        lifetimes: { accessTokenMs: 3_000 },
        schedule: { leadMs: 1_500, jitterMs: 200 },
        retry: { firstMs: 300, maxMs: 800 },
        strikeGapMs: 1_000,
        answerTimeoutMs: 2_500,
        // One app for each behaviour would be closed by itself; here every answer is wanted again and again.
        breaker: { leastMisconfigured: 1_000, leastRejected: 1_000 },
      }),
    );
    const secret = `${CANARIES.clientSecret.secret}+/ "="`;
    expect(
      await fleet.evergrant(["app", "add", "echo", "--client-id", "c", "--descriptor", descriptor], secret),
    ).toMatchObject({ code: 0 });
    const lines = BEHAVIOURS.flatMap((behaviour) =>
      Array.from({ length: CONNECTIONS_EACH }, (_unused, no) => ({
        id: `${behaviour}-${no}`,
        app: "echo",
        refreshToken: provider.mint(behaviour, no),
        accessToken: `${CANARIES.access.secret}.imported`,
      })),
    );
    const good = lines.map((line) => JSON.stringify(line)).join("\n");
    expect(await fleet.evergrant(["connection", "import", "-"], good)).toMatchObject({ code: 0 });
  }

  /** What an operator does on a day on which nothing goes right. */
  async function operate(): Promise<void> {
    const { keyEnv } = fleet;
    const token = provider.mint("rotate", 99);
    const bad = [
      { id: "a", app: token, refreshToken: token },
      { id: "b", app: "echo", refreshToken: "other-token-of-b", customer: token, [token]: 1 },
      { id: "c", app: "echo", refreshToken: token, accessTokenExpiresAt: token },
      { id: token, app: "echo", refreshToken: token },
    ].map((line) => JSON.stringify(line));
    const secretUrl = `postgresql://nobody:${CANARIES.database.secret}@127.0.0.1`;
    const commands: [readonly string[], string?, Env?][] = [
      [["app", "set-secret", "echo"], `${CANARIES.clientSecret.secret}-2`],
      [["app", "set-secret", "echo", "--client-secret", CANARIES.clientSecret.secret]],
      [["app", "add", "echo", "--provider", "xero", "--client-id", "c"], CANARIES.clientSecret.secret],
      [
        ["app", "add", "other", "--provider", "xero", "--client-id", "c"],
        `${CANARIES.clientSecret.secret}\nsecond line`,
      ],
      [
        ["connection", "import", "-"],
        `${bad.join("\n")}\n${token}\n{"id":"d","refreshToken":"${CANARIES.refresh.secret}`,
      ],
      [["connection", "import", "-", "--json", "--replace"], bad.join("\n")],
      [["connection", "list", "--json"]],
      [["connection", "show", "token-as-error-0"]],
      [["connection", "show", "blame-app-0", "--json"]],
      [["refresh", "rotate-0", "reject-0", "--wait", "--force", "--timeout", "5s"]],
      [["status"]],
      [["breaker", "list"]],
      [["status"], "", { DATABASE_URL: `${secretUrl}:1/none` }],
      [["status"], "", { DATABASE_URL: `${secretUrl}:port/none` }],
      [["status"], "", { DATABASE_URL: keyEnv.DATABASE_URL?.replace("@", "-wrong@") ?? "" }],
      [["connection", "import", "-"], bad.join("\n"), { EVERGRANT_KEY_RING: `${keyEnv.EVERGRANT_KEY_RING}:x` }],
      [
        ["connection", "import", "-"],
        bad.join("\n"),
        { EVERGRANT_KEY_RING_FILE: keyEnv.EVERGRANT_KEY_RING ?? "", EVERGRANT_KEY_RING: "" },
      ],
    ];
    // The mistakes are the same ones whatever queue there is.
    const chosen = withRedis ? commands.slice(-FEW) : commands;
    const codes = await eachOf(
      chosen,
      async ([args, input, changes]) => (await fleet.evergrant(args, input, { ...keyEnv, ...changes })).code,
    );
    expect(codes).not.toContain(1);
    expect(codes.filter((code) => code !== 0).length).toBeGreaterThanOrEqual(withRedis ? FEW : 9);
    if (withRedis) return;
    const shortKey = Buffer.from(CANARIES.keyRing.secret.slice(0, 16)).toString("base64");
    const mistakes: [Room, Env][] = [
      ["worker", { ...keyEnv, EVERGRANT_KEY_RING: `k1:${shortKey}` }],
      ["worker", { ...keyEnv, EVERGRANT_LEASE_MS: CANARIES.metrics.secret }],
      [
        "scheduler",
        { ...fleet.env, DATABASE_URL: "postgresql://h:1:2/", REDIS_URL: `redis://:${CANARIES.redis.secret}@h:x` },
      ],
    ];
    const ends = await eachOf(mistakes, async ([room, env]) => (await fleet.fail(room, env)).code);
    expect(ends).toEqual([2, 2, 2]);
  }

  /** Answers arrive that cannot be written. */
  async function loseTheDatabase(): Promise<void> {
    const slowBefore = provider.requests("slow");
    await until("a slow answer is on its way", () => provider.requests("slow") > slowBefore);
    await fleet.databaseProxy.cut();
    await until("token sets wait in the escrow", async () => (await fleet.escrowed()) > 0, PATIENCE_MS);
    searches.during = await search(fleet.places());
    await fleet.databaseProxy.restore();
    await until("the escrow is empty again", async () => (await fleet.escrowed()) === 0, PATIENCE_MS);
  }
});

async function eachOf<Item, Answer>(items: readonly Item[], work: (item: Item) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    answers.push(...(await Promise.all(items.slice(start, start + AT_ONCE).map(work))));
  }
  return answers;
}
