import { claim, openBreaker, settle } from "@evergrant/store";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createOperator, ndjson, type Operator } from "../operator.ts";
import { failure } from "../worker.ts";

const PAST = new Date(Date.now() - 3_600_000).toISOString();

let operator: Operator;
beforeAll(async () => {
  operator = await createOperator();
  for (const app of ["qbo-prod", "xero-prod"]) {
    const provider = app.startsWith("xero") ? "xero" : "quickbooks";
    await operator.run(["app", "add", app, "--provider", provider, "--client-id", "c"], { input: "canary" });
  }
  const lines = ["a", "b", "c"].map((id) => ({
    ...{ id, app: "xero-prod", mode: "fresh", refreshToken: `canary-${id}`, accessToken: `canary-at-${id}` },
    accessTokenExpiresAt: PAST,
  }));
  await operator.run(["connection", "import", "-"], { input: ndjson(lines) });
});
afterAll(() => operator.close());
beforeEach(async () => {
  const closed = { breakerReason: null, breakerChangedAt: null, breakerProbeAt: null, breakerAcceptedAt: null };
  await operator.store.prisma.oAuthApp.updateMany({ data: { breakerState: "closed", ...closed } });
});

const open = (reason: "rejections" | "misconfigured") =>
  openBreaker(operator.store, { appId: "xero-prod", reason, evidence: {}, evidenceFrom: Date.now(), probeMs: 15_000 });
const readApp = () => operator.store.prisma.oAuthApp.findUniqueOrThrow({ where: { id: "xero-prod" } });
const breaker = (...args: string[]) => operator.run(["breaker", ...args]);

describe("breaker list", () => {
  test("shows every app, and says nothing more where all are closed", async () => {
    const answer = await breaker("list");
    expect(answer.code).toBe(0);
    const [title = "", ...lines] = answer.stdout.trim().split("\n");
    expect(title.split(/ {2,}/)).toEqual(["APP", "PROVIDER", "BREAKER", "SINCE", "HELD", "REFUSED", "NEXT PROBE"]);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^xero-prod +xero +closed +- +0 +0 +-$/);
  });

  test.each([
    ["misconfigured", "the provider refuses the app itself.", ["app set-secret xero-prod", "breaker close xero-prod"]],
    ["rejections", "so many grants were refused at once", ["breaker close xero-prod", "breaker accept xero-prod"]],
  ] as const)("says of one that is open for %s why, since when, and what to do", async (reason, why, commands) => {
    await open(reason);
    const { code, stdout } = await breaker("list");
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`\\nxero-prod +xero +open: ${reason} +(now|\\d+ s ago) +3 +0 +in 1\\d s\\n`));
    expect(stdout).toMatch(/\nxero-prod is not refreshed since 20\d\d-.*Z \((now|\d+ s ago)\): /);
    expect(stdout).toContain(why);
    for (const command of commands) expect(stdout).toContain(`evergrant ${command}`);
    expect(stdout).not.toContain("qbo-prod is not refreshed");
  });

  test("gives programs the same", async () => {
    await open("rejections");
    const [answer] = (await breaker("list", "--json")).json;
    expect(answer).toMatchObject({
      breakers: [
        { app: "qbo-prod", provider: "quickbooks", state: "closed", reason: null, changedAt: null, held: 0 },
        {
          app: "xero-prod",
          state: "open",
          reason: "rejections",
          changedAt: expect.stringMatching(/^20\d\d-.*Z$/),
          nextProbeAt: expect.stringMatching(/^20\d\d-.*Z$/),
          held: 3,
          refused: 0,
        },
      ],
    });
  });
});

describe("breaker close", () => {
  test("closes one that is open, whatever for", async () => {
    await open("misconfigured");
    expect(await breaker("close", "xero-prod")).toMatchObject({
      code: 0,
      stdout: "The breaker of xero-prod was open (misconfigured) and is closed: its refreshes go on.\n",
      stderr: "",
    });
    expect(await readApp()).toMatchObject({ breakerState: "closed", breakerAcceptedAt: null });
  });

  test("of a wave says that its refusals count no longer", async () => {
    await open("rejections");
    await operator.store.prisma.oAuthApp.updateMany({
      where: { id: "xero-prod" },
      data: { breakerState: "half_open" },
    });
    expect((await breaker("close", "xero-prod")).stdout).toBe(
      "The breaker of xero-prod was half open (rejections) and is closed: its refreshes go on. The refusals that opened it no longer count.\n",
    );
  });

  test("of one that is closed already changes nothing, and is no mistake", async () => {
    const answer = await breaker("close", "xero-prod");
    const stdout = "The breaker of xero-prod is closed already; nothing was changed.\n";
    expect(answer).toMatchObject({ code: 0, stdout, stderr: "" });
    expect((await breaker("close", "xero-prod", "--json")).json).toEqual([
      { app: "xero-prod", state: "closed", reason: null, closed: false, broughtForward: 0 },
    ]);
  });

  test("puts connections that were off because of the app in front again", async () => {
    const claimed = await claim(operator.store, ["a"], { holder: "w", leaseMs: 30_000 });
    const refusals = claimed.map((item) => failure(item, { reason: "invalid_client", status: 401 }));
    await settle(operator.store, refusals, "w");
    await open("misconfigured");
    expect((await breaker("close", "xero-prod", "--json")).json).toMatchObject([{ closed: true, broughtForward: 1 }]);
  });
});

describe("breaker accept", () => {
  test("closes the breaker of a wave and says what comes of it", async () => {
    await open("rejections");
    const answer = await breaker("accept", "xero-prod");
    expect(answer).toMatchObject({ code: 0, stderr: "" });
    expect(answer.stdout).toBe(
      "The wave of xero-prod is accepted and its breaker closed: its refreshes go on.\n" +
        "A connection that is refused a second time needs its customer to connect again; all others live on.\n" +
        "Should nearly all be refused from now on, it opens again, since that may be a mistake of ours.\n",
    );
    expect(await readApp()).toMatchObject({ breakerState: "closed", breakerAcceptedAt: expect.any(Date) });
  });

  test("refuses what is no wave, in one line that says what to do", async () => {
    const closed = await breaker("accept", "xero-prod");
    const nothing = 'evergrant: the breaker of "xero-prod" is closed: there is nothing to accept\n';
    expect(closed).toMatchObject({ code: 2, stdout: "", stderr: nothing });
    await open("misconfigured");
    const misconfigured = await breaker("accept", "xero-prod");
    expect(misconfigured).toMatchObject({ code: 2, stdout: "" });
    expect(misconfigured.stderr).toContain("mend the app, or let it go on with: evergrant breaker close xero-prod");
    expect(misconfigured.stderr.trim().split("\n")).toHaveLength(1);
    expect(await readApp()).toMatchObject({ breakerState: "open", breakerAcceptedAt: null });
  });
});

test.each(["close", "accept"])("breaker %s of an unknown app is a mistake, told in one line", async (command) => {
  expect(await breaker(command, "nowhere")).toMatchObject({
    code: 2,
    stdout: "",
    stderr: 'evergrant: there is no app "nowhere"; look with: evergrant breaker list\n',
  });
});

test("connection show says of one that is due what holds it", async () => {
  await open("rejections");
  await operator.store.prisma.connection.update({ where: { id: "b" }, data: { dueAt: new Date(0) } });
  const { stdout } = await operator.run(["connection", "show", "b"]);
  expect(stdout).toMatch(/next refresh +due \d+ d ago, held by its app's breaker: evergrant breaker list\n/);
});

test("status names the app that is not refreshed, and where to look", async () => {
  expect((await operator.run(["status"])).stdout).not.toContain("breaker list");
  await open("rejections");
  const { stdout } = await operator.run(["status"]);
  expect(stdout).toContain("xero-prod is not refreshed; why, and what to do: evergrant breaker list");
});
