import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadApps } from "@evergrant/store";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createOperator, type Operator, type RunOptions } from "../operator.ts";

const CANARY = "canary-secret";

let operator: Operator;
let folder: string;
beforeAll(async () => {
  operator = await createOperator();
  folder = await mkdtemp(join(tmpdir(), "evergrant-app-"));
});
afterAll(async () => {
  await operator.close();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  await operator.store.prisma.oAuthApp.deleteMany();
});

const add = (args: readonly string[], options: RunOptions = { input: `${CANARY}\n` }) =>
  operator.run(["app", "add", "xero-prod", "--client-id", "client-1", ...args], options);

async function secrets(): Promise<string[]> {
  const [app] = await loadApps(operator.store);
  return (app?.secrets ?? []).map(({ ciphertext }) =>
    operator.vault.openClientSecret({ appId: "xero-prod" }, ciphertext),
  );
}

async function descriptorFile(name: string, content: unknown): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

describe("an app", () => {
  test("is added with its limits, and listed without its secret", async () => {
    const added = await add([
      "--provider",
      "xero",
      "--environment",
      "sandbox",
      "--max-concurrent",
      "5",
      "--max-per-second",
      "20",
    ]);
    expect(added).toMatchObject({
      code: 0,
      stderr: "",
      stdout: "Added xero-prod (xero, sandbox). Next: evergrant connection import <file>\n",
    });
    const listed = await operator.run(["app", "list"]);
    expect(listed.stdout).toBe(
      [
        "APP        PROVIDER  ENVIRONMENT  CLIENT ID  SECRETS  BREAKER  LIMITS",
        "xero-prod  xero      sandbox      client-1         1  closed   5 at once, 20/s",
        "",
      ].join("\n"),
    );
    expect((await operator.run(["app", "list", "--json"])).json).toEqual([
      {
        apps: [
          {
            id: "xero-prod",
            provider: "xero",
            environment: "sandbox",
            clientId: "client-1",
            breakerState: "closed",
            breakerReason: null,
            maxConcurrent: 5,
            maxPerSecond: 20,
            secrets: 1,
          },
        ],
      },
    ]);
    expect(await secrets()).toEqual([CANARY]);
  });

  test("that exists is left as it is", async () => {
    await add(["--provider", "xero"]);
    expect(await add(["--provider", "quickbooks"], { input: "other" })).toMatchObject({
      code: 2,
      stderr:
        'evergrant: app "xero-prod" exists already; change its client secret with: evergrant app set-secret xero-prod\n',
    });
    expect(await secrets()).toEqual([CANARY]);
  });

  test("of a provider of the user's own comes from a descriptor file, of a public client without a secret", async () => {
    const file = await descriptorFile("own.json", {
      provider: "acme-id",
      tokenUrl: "https://id.example.com/token",
      clientAuthentication: "none",
    });
    expect(await add(["--descriptor", file, "--json"], { input: "" })).toMatchObject({
      code: 0,
      json: [{ provider: "acme-id", secrets: 0 }],
    });
  });

  test("may differ from its built-in provider in what a file says", async () => {
    const file = await descriptorFile("differs.json", { tokenUrl: "http://127.0.0.1:9/token" });
    expect(await add(["--provider", "xero", "--descriptor", file])).toMatchObject({ code: 0 });
    expect((await loadApps(operator.store))[0]?.descriptor).toEqual({
      provider: "xero",
      tokenUrl: "http://127.0.0.1:9/token",
    });
  });
});

describe("an app cannot be added", () => {
  test("without a provider that is known, or with a descriptor that cannot be used", async () => {
    const broken = await descriptorFile("broken.json", "{oops");
    const faulty = await descriptorFile("faulty.json", { provider: "acme-id", tokenUrl: "not a url" });
    const other = await descriptorFile("other.json", { provider: "acme-id", tokenUrl: "https://id.example.com/token" });
    const faults: [string[], string][] = [
      [[], "no provider; use --provider xero, --provider quickbooks or --descriptor <file>"],
      [["--provider", "xro"], "did you mean xero?"],
      [["--descriptor", join(folder, "missing.json")], "(ENOENT)"],
      [["--descriptor", broken], "is not JSON"],
      [["--descriptor", faulty], "tokenUrl"],
      [["--provider", "xero", "--descriptor", other], "--provider is xero, but"],
    ];
    for (const [args, reason] of faults) {
      const answer = await add(args);
      expect(answer.code, args.join(" ")).toBe(2);
      expect(answer.stderr, args.join(" ")).toContain(reason);
      expect(answer.stderr.trim().split("\n"), args.join(" ")).toHaveLength(1);
    }
    expect(await loadApps(operator.store)).toEqual([]);
  });

  test("under a name that queues and metrics could not carry", async () => {
    for (const id of ["two words", "{x}", "", "x".repeat(64)]) {
      const answer = await operator.run(["app", "add", id, "--provider", "xero", "--client-id", "c"], { input: "s" });
      expect(answer, id).toMatchObject({ code: 2, stderr: expect.stringContaining("1 to 63 letters") });
    }
  });
});

describe("a client secret", () => {
  test("is taken from a file, else from the environment, else from stdin", async () => {
    const file = await descriptorFile("secret.txt", "from-file\n");
    const env = { EVERGRANT_CLIENT_SECRET: "from-environment" };
    await add(["--provider", "xero", "--secret-file", file], { env, input: "from-stdin" });
    await operator.run(["app", "set-secret", "xero-prod"], { env, input: "from-stdin" });
    await operator.run(["app", "set-secret", "xero-prod"], { input: "from-stdin\n" });
    expect(await secrets()).toEqual(["from-stdin", "from-environment", "from-file"]);
  });

  test("is never taken as an argument, and the refusal says why without repeating it", async () => {
    for (const args of [["--client-secret", CANARY], [`--client-secret=${CANARY}`], ["--client-secret"]]) {
      const answer = await add(["--provider", "xero", ...args], { input: "other" });
      expect(answer.code).toBe(2);
      expect(answer.stderr).toContain("a client secret is never taken as an argument");
      expect(answer.stderr).not.toContain(CANARY);
    }
    expect(await loadApps(operator.store)).toEqual([]);
  });

  test("that is missing, too long or of several lines is refused without repeating it", async () => {
    for (const input of ["", "  \n", `${CANARY}\n${CANARY}`, CANARY.padEnd(5_000, "x")]) {
      const answer = await add(["--provider", "xero"], { input });
      expect(answer.code).toBe(2);
      expect(answer.stderr).not.toContain("canary");
      expect(answer.stderr.trim().split("\n")).toHaveLength(1);
    }
    expect((await add(["--provider", "xero", "--secret-file", join(folder, "none")])).stderr).toContain("(ENOENT)");
  });

  test("that is new goes in front; the old one stays until it is retired", async () => {
    await add(["--provider", "xero"]);
    const second = await operator.run(["app", "set-secret", "xero-prod"], { input: "second" });
    expect(second.stdout).toContain("1 older stay as a fallback");
    expect(await secrets()).toEqual(["second", CANARY]);
    const third = await operator.run(["app", "set-secret", "xero-prod", "--retire-old", "--json"], { input: "third" });
    expect(third.json).toEqual([{ app: "xero-prod", secrets: 1, retired: 2 }]);
    expect(await secrets()).toEqual(["third"]);
  });

  test("for an app that does not exist is refused", async () => {
    expect(await operator.run(["app", "set-secret", "missing"], { input: "s" })).toMatchObject({
      code: 2,
      stderr: 'evergrant: there is no app "missing"; look with: evergrant app list\n',
    });
  });
});
