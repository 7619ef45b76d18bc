import { createQueueBackend, RefreshQueues } from "@evergrant/queue";
import { claim, type Settlement, settle } from "@evergrant/store";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createOperator, ndjson, type Operator } from "../operator.ts";
import { endGrant, failure, startWorker, success } from "../worker.ts";

const HOUR_MS = 3_600_000;

let operator: Operator;
beforeEach(async () => {
  operator = await createOperator();
  await operator.run(["migrate"]);
  await operator.run(["app", "add", "xero-prod", "--provider", "xero", "--client-id", "c"], { input: "secret" });
});
afterEach(() => operator.close());

async function connect(...ids: string[]): Promise<void> {
  const accessTokenExpiresAt = new Date(Date.now() + HOUR_MS).toISOString();
  const lines = ids.map((id) => ({ id, app: "xero-prod", refreshToken: `canary-${id}`, accessTokenExpiresAt }));
  const { code, stderr } = await operator.run(["connection", "import", "-"], { input: ndjson(lines) });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

describe("refresh --wait", () => {
  test("prints each outcome, and fails when one of them failed", async () => {
    await connect("a", "b", "c");
    const worker = startWorker(operator.store, ["a", "b", "c"], (claimed): Settlement => {
      if (claimed.connection.id === "a") return success(operator, claimed);
      if (claimed.connection.id === "b") return failure(claimed, { reason: "invalid_client", status: 401 });
      return failure(claimed, { outcome: "rejected", reason: "invalid_grant", status: 400, ends: true });
    });
    const answer = await operator.run(["refresh", "a", "b", "c", "--wait"]);
    await worker.stop();
    expect(answer).toMatchObject({ code: 4, stderr: "" });
    expect(answer.stdout.split("\n").toSorted()).toEqual([
      "",
      expect.stringMatching(/^a {2}rotated: generation 2, access token valid until \S+ \(in 29 min\)$/),
      expect.stringMatching(
        /^b {2}misconfigured \(invalid_client, HTTP 401, request tid-1\): the OAuth app is at fault .*; tried again in \d+ s$/,
      ),
      expect.stringMatching(
        /^c {2}rejected \(invalid_grant, HTTP 400, request tid-1\): the grant is dead; its customer must connect again/,
      ),
    ]);
    expect(answer.stdout).not.toContain("canary");
  });

  test("tells programs an object a line", async () => {
    await connect("a");
    const worker = startWorker(operator.store, ["a"], (claimed) => success(operator, claimed));
    const answer = await operator.run(["refresh", "a", "--wait", "--json"]);
    await worker.stop();
    expect(answer).toMatchObject({ code: 0, stderr: "" });
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(answer.json).toEqual([
      {
        id: "a",
        app: "xero-prod",
        verdict: "due",
        outcome: "rotated",
        reason: null,
        status: null,
        requestId: null,
        state: "active",
        generation: 2,
        accessTokenExpiresAt: time,
        dueAt: time,
        attemptedAt: time,
      },
    ]);
  });

  test("says of each connection that is not refreshed why, and what to do", async () => {
    await connect("dead", "braked");
    await endGrant(operator, "dead");
    await operator.store.prisma.oAuthApp.update({ where: { id: "xero-prod" }, data: { breakerState: "open" } });
    const answer = await operator.run(["refresh", "dead", "braked", "missing", "--wait"]);
    expect(answer.code).toBe(4);
    expect(answer.stdout.split("\n").toSorted()).toEqual([
      "",
      "braked  not refreshed: the breaker of xero-prod is open; why, and what to do: evergrant breaker list",
      "dead  not refreshed: the grant is dead; its customer must connect again, then import the new token",
      "missing  not refreshed: there is no such connection",
    ]);
  });

  test("gives up after its time, while the refresh goes on without it", async () => {
    await connect("a");
    const [held] = await Promise.all([operator.run(["refresh", "a", "--wait", "--timeout", "300ms", "--json"])]);
    expect(held).toMatchObject({ code: 4, json: [{ id: "a", verdict: "due", outcome: null, timedOut: true }] });
    expect(await claim(operator.store, ["a"], { holder: "w", leaseMs: 30_000 })).toHaveLength(1);
    const words = await operator.run(["refresh", "a", "--wait", "--timeout", "300ms"]);
    expect(words.stdout).toBe(
      "a  no outcome within 0.3 s; it goes on without you, look with: evergrant connection show a\n",
    );
  });

  test("by two operators at once makes one refresh, and both see its outcome", async () => {
    await connect("a");
    const worker = startWorker(operator.store, ["a"], (claimed) => success(operator, claimed));
    const answers = await Promise.all([1, 2].map(() => operator.run(["refresh", "a", "--wait", "--json"])));
    await worker.stop();
    for (const { code, json } of answers)
      expect({ code, json }).toMatchObject({ code: 0, json: [{ outcome: "rotated", generation: 2 }] });
    expect(worker.claims()).toBe(1);
  });

  test("is answered by a refresh of a moment ago, unless another is forced", async () => {
    await connect("a");
    await operator.run(["refresh", "a"]);
    const claimed = await claim(operator.store, ["a"], { holder: "w", leaseMs: 30_000 });
    await settle(
      operator.store,
      claimed.map((item) => success(operator, item)),
      "w",
    );

    const answered = await operator.run(["refresh", "a", "--wait", "--json"]);
    expect(answered).toMatchObject({ code: 0, json: [{ outcome: "rotated", generation: 2 }] });
    expect((await operator.run(["refresh", "a"])).stdout).toBe("a  refreshed a moment ago; use --force for another\n");

    const worker = startWorker(operator.store, ["a"], (item) => success(operator, item));
    const forced = await operator.run(["refresh", "a", "--force", "--wait", "--json"]);
    await worker.stop();
    expect(forced.json).toMatchObject([{ generation: 3 }]);
  });
});

describe("refresh", () => {
  test("makes connections due and tells the queue, so that a worker takes them at once", async () => {
    await connect("a");
    expect(await operator.run(["refresh", "a"])).toMatchObject({ code: 0, stdout: "a  due now\n", stderr: "" });
    expect(await claim(operator.store, ["a"], { holder: "w", leaseMs: 30_000 })).toHaveLength(1);
    expect((await operator.run(["refresh", "a"])).stdout).toBe("a  a refresh is in flight and answers this one\n");

    const backend = createQueueBackend({ databaseUrl: operator.databaseUrl, onError: () => {} });
    const queues = new RefreshQueues(backend);
    await vi.waitFor(async () => expect((await queues.depth("xero-prod")).waiting).toBe(1));
    await queues.close();
    await backend.close();
  });

  test("makes connections due although the queue is away, and says that the scheduler will find them", async () => {
    await connect("a");
    const answer = await operator.run(["refresh", "a"], { env: { REDIS_URL: "redis://127.0.0.1:1" } });
    expect(answer).toMatchObject({
      code: 0,
      stdout: "a  due now\n",
      stderr: "The queue is away: the scheduler will find what is due by itself.\n",
    });
    expect(await claim(operator.store, ["a"], { holder: "w", leaseMs: 30_000 })).toHaveLength(1);
  });

  test("takes what is chosen by app, state or staleness", async () => {
    await connect("a", "b", "c");
    await endGrant(operator, "b");
    await operator.store.prisma.connection.update({ where: { id: "c" }, data: { accessTokenExpiresAt: new Date(0) } });
    const ids = async (...args: string[]) =>
      (await operator.run(["refresh", "--json", ...args])).json.map(({ id }) => id);
    expect(await ids("--stale")).toEqual(["c"]);
    expect(await ids("--app", "xero-prod")).toEqual(["a", "b", "c"]);
    expect(await ids("--state", "active")).toEqual(["a", "c"]);
    expect(await operator.run(["refresh", "--app", "nowhere"])).toMatchObject({
      code: 0,
      stdout: "No connections match.\n",
    });
  });

  test("of nothing, or of too much said at once, is a mistake", async () => {
    expect((await operator.run(["refresh"])).stderr).toBe(
      "evergrant: nothing to refresh: name connections, or use --app, --state or --stale\n",
    );
    expect((await operator.run(["refresh", "a", "--stale"])).stderr).toBe(
      "evergrant: name connections, or use --app, --state or --stale, not both\n",
    );
    expect((await operator.run(["refresh", "a", "--timeout", "soon"])).stderr).toContain(
      "It must be a duration such as 500ms, 30s or 5m.",
    );
  });

  test("of more than 1,000 connections asks before, or needs --yes where nobody can be asked", async () => {
    const ids = Array.from({ length: 1_001 }, (_, index) => `c-${index}`);
    await connect(...ids);
    expect(await operator.run(["refresh", "--app", "xero-prod"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: "evergrant: This refreshes 1001 connections. Add --yes if that is meant.\n",
    });
    const refused = await operator.run(["refresh", "--app", "xero-prod"], { isTerminal: true, input: "n\n" });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("stopped; nothing was done") });
    expect(await claim(operator.store, ids, { holder: "w", leaseMs: 30_000 })).toEqual([]);

    expect((await operator.run(["refresh", "--app", "xero-prod", "--yes", "--json"])).json).toHaveLength(1_001);
    expect(await claim(operator.store, ids, { holder: "w", leaseMs: 30_000 })).toHaveLength(1_001);
  });
});
