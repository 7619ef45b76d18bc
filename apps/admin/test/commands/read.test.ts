import { claim, settle } from "@evergrant/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOperator, ndjson, type Operator } from "../operator.ts";
import { endGrant, failure } from "../worker.ts";

const CANARY = "canary";
const HOUR_MS = 3_600_000;

let operator: Operator;
beforeAll(async () => {
  operator = await createOperator();
  await operator.run(["app", "add", "xero-prod", "--provider", "xero", "--client-id", "c"], { input: CANARY });
  const ahead = new Date(Date.now() + HOUR_MS).toISOString();
  const past = new Date(Date.now() - HOUR_MS).toISOString();
  const line = (id: string, fields: object) => ({
    id,
    app: "xero-prod",
    refreshToken: `${CANARY}-${id}`,
    accessToken: `${CANARY}-at-${id}`,
    ...fields,
  });
  const lines = [
    line("dead", { customer: "acme", accessTokenExpiresAt: ahead }),
    line("failing", { customer: "acme", accessTokenExpiresAt: past }),
    line("good", { accessTokenExpiresAt: ahead, tenants: [{ id: "t1", name: "Acme Ltd" }] }),
    line("idle", { mode: "off" }),
  ];
  await operator.run(["connection", "import", "-"], { input: ndjson(lines) });
  await endGrant(operator, "dead");
  const claimed = await claim(operator.store, ["failing"], { holder: "w", leaseMs: 30_000 });
  await settle(
    operator.store,
    claimed.map((item) => failure(item, { reason: "invalid_client", status: 401 })),
    "w",
  );
});
afterAll(() => operator.close());

function connectionsOf(page: Record<string, unknown> | undefined): readonly { readonly id: string }[] {
  const connections = page?.connections;
  return Array.isArray(connections) ? connections : [];
}

describe("connection list", () => {
  test("shows a line for each, and how to go on", async () => {
    const answer = await operator.run(["connection", "list", "--limit", "2"]);
    expect(answer.code).toBe(0);
    const [title = "", ...lines] = answer.stdout.trim().split("\n");
    expect(title.split(/ {2,}/)).toEqual([
      "CONNECTION",
      "APP",
      "CUSTOMER",
      "STATE",
      "MODE",
      "ACCESS TOKEN",
      "DUE",
      "LAST",
    ]);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^dead +xero-prod +acme +needs_reauth +fresh +expires in 59 min +- +-$/);
    expect(lines[1]).toMatch(
      /^failing +xero-prod +acme +active +fresh +expired 1 h ago +in \d+ s +misconfigured (now|\d+ s ago)$/,
    );
    expect(lines[2]).toBe("More follow: --cursor failing");
    expect((await operator.run(["connection", "list", "--cursor", "failing"])).stdout).toMatch(/\ngood .*\nidle .*\n$/);
  });

  test("gives programs one document, page by page", async () => {
    const [first] = (await operator.run(["connection", "list", "--limit", "3", "--json"])).json;
    expect(first).toMatchObject({
      connections: [{ id: "dead" }, { id: "failing" }, { id: "good" }],
      nextCursor: "good",
    });
    const [second] = (await operator.run(["connection", "list", "--limit", "3", "--cursor", "good", "--json"])).json;
    expect(second).toMatchObject({ connections: [{ id: "idle", dueAt: null }], nextCursor: null });
    expect(Object.keys(connectionsOf(first)[0] ?? {})).toEqual([
      ...["id", "appId", "customer", "mode", "state", "dueAt", "accessTokenExpiresAt"],
      ...["lastOutcome", "lastAttemptAt", "lastRefreshedAt", "failures"],
    ]);
  });

  test("keeps to what is asked for", async () => {
    const ids = async (...args: string[]) => {
      const [page] = (await operator.run(["connection", "list", "--json", ...args])).json;
      return connectionsOf(page).map(({ id }) => id);
    };
    expect(await ids("--state", "needs_reauth")).toEqual(["dead"]);
    expect(await ids("--customer", "acme", "--state", "active")).toEqual(["failing"]);
    expect(await ids("--stale")).toEqual(["failing"]);
    expect(await ids("--app", "nowhere")).toEqual([]);
    expect((await operator.run(["connection", "list", "--app", "nowhere"])).stdout).toBe("No connections match.\n");
    expect((await operator.run(["connection", "list", "--state", "dead"])).stderr).toContain(
      "Allowed choices are active, needs_reauth",
    );
  });
});

describe("connection show", () => {
  test("tells state, schedule, tenants and events in words", async () => {
    const { stdout } = await operator.run(["connection", "show", "good"]);
    expect(stdout).toMatch(/^good\n {2}app +xero-prod \(xero, production\)\n/);
    expect(stdout).toMatch(/next refresh +\d{4}-\d\d-\d\dT[\d:.]+Z \(in 5\d min\)/);
    expect(stdout).toMatch(/access token +valid until .* \(in 59 min\)/);
    expect(stdout).toMatch(/token set +generation 1, stored .*, fingerprint [0-9a-f]{8}…/);
    expect(stdout).toContain("Tenants\n  t1  Acme Ltd\n");
    expect(stdout).toMatch(/Events\n {2}\S+ +\S.* {2}imported {2}\(generation 1\)\n$/);
  });

  test("says of a dead grant what to do, and of a failure what the provider said", async () => {
    expect((await operator.run(["connection", "show", "dead"])).stdout).toContain(
      "none: its customer must connect again, then import the new token",
    );
    expect((await operator.run(["connection", "show", "idle"])).stdout).toContain("none: mode off");
    const { stdout } = await operator.run(["connection", "show", "failing"]);
    expect(stdout).toMatch(
      /refresh_failed: misconfigured invalid_client, HTTP 401, request tid-1, tried again after 60 s/,
    );
  });

  test("of a connection that does not exist is a mistake", async () => {
    expect(await operator.run(["connection", "show", "missing"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: 'evergrant: there is no connection "missing"; look with: evergrant connection list\n',
    });
  });
});

describe("status", () => {
  test("counts connections by app and state, the last hour's outcomes, and names who must connect again", async () => {
    const { stdout, code } = await operator.run(["status"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^APP +PROVIDER +ACTIVE +NEEDS REAUTH +STALE +OVERDUE +IN FLIGHT +BREAKER\nxero-prod +xero +3 +1 +1 +0 +0 +closed\n/,
    );
    expect(stdout).toMatch(/Last hour\nAPP +OUTCOME +REFRESHES +LATE ON AVERAGE\nxero-prod +misconfigured +1 /);
    expect(stdout).toMatch(/Must connect again, newest first\n {2}dead \(xero-prod, customer acme\): unexplained, /);
    expect(stdout).toMatch(
      /Latest failed refreshes\n {2}failing \(xero-prod\): misconfigured invalid_client, HTTP 401/,
    );
  });

  test("gives programs the whole report", async () => {
    const [report] = (await operator.run(["status", "--json"])).json;
    expect(report).toMatchObject({
      apps: [{ appId: "xero-prod", stale: 1, overdue: 0, outcomes: [{ outcome: "misconfigured", refreshes: 1 }] }],
      toReauthorize: [{ connectionId: "dead" }],
      failures: [{ connectionId: "failing", reason: "invalid_client" }],
    });
  });

  test("of a fleet without apps says what is next", async () => {
    const other = await createOperator();
    const { stdout } = await other.run(["status"]);
    await other.close();
    expect(stdout).toContain("No apps yet. Add one with: evergrant app add");
  });
});

test("no command that reads gives away a token, a secret or a whole fingerprint", async () => {
  const row = await operator.store.prisma.tokenSet.findUniqueOrThrow({ where: { connectionId: "good" } });
  const commands = [
    ["app", "list"],
    ["connection", "list"],
    ["connection", "show", "good"],
    ["connection", "show", "failing"],
    ["status"],
  ];
  for (const command of commands) {
    for (const args of [command, [...command, "--json"]]) {
      const { code, stdout, stderr } = await operator.run(args);
      expect(code).toBe(0);
      expect(stdout + stderr, args.join(" ")).not.toContain(CANARY);
      expect(stdout + stderr, args.join(" ")).not.toContain(Buffer.from(row.fingerprint).toString("hex").slice(0, 9));
    }
  }
});
