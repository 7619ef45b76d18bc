import { Readable } from "node:stream";
import { exitCodes, runApp } from "@evergrant/runtime";
import { openStore, type Store } from "@evergrant/store";
import { generateKey, openVault, parseKeyRing, type TokenVault } from "@evergrant/store/secrets";
import { createTestDatabase } from "@evergrant/testkit";
import { runProgram } from "../src/program.ts";

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Each line of stdout as JSON. */
  readonly json: readonly Record<string, unknown>[];
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  /** Added to the environment; undefined takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Stdin as a terminal would be, so that questions may be asked. */
  readonly isTerminal?: boolean;
}

/** Someone at a shell, with a database and a key ring of his own. Runs commands in this process. */
export interface Operator {
  readonly store: Store;
  readonly vault: TokenVault;
  readonly databaseUrl: string;
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], options?: RunOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** @param options.migrated false for a database that the operator has yet to bring up to date */
export async function createOperator({ migrated = true }: { migrated?: boolean } = {}): Promise<Operator> {
  const database = await createTestDatabase({ migrated });
  const store = openStore({ databaseUrl: database.url, applicationName: "admin test", poolSize: 5 });
  const ring = generateKey();
  const env = { DATABASE_URL: database.url, EVERGRANT_KEY_RING: ring };
  return {
    store,
    vault: migrated ? await openVault(store, parseKeyRing(ring)) : ({} as TokenVault),
    databaseUrl: database.url,
    env,
    run: (args, options = {}) => runCommand(args, { ...options, env: { ...env, ...options.env } }),
    async close() {
      await store.close();
      await database.drop();
    },
  };
}

/** One command line, from its words to its exit code, with the surroundings given and no others. */
export async function runCommand(args: readonly string[], options: RunOptions): Promise<Answer> {
  let stdout = "";
  let stderr = "";
  let code: number | undefined;
  const input = Object.assign(Readable.from([Buffer.from(options.input ?? "")]), {
    isTTY: options.isTerminal === true,
  });
  const io = {
    stdin: input,
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    env: options.env ?? {},
  };
  await runApp({
    name: "evergrant",
    main: () => runProgram(args, io),
    stderr: io.stderr,
    exit: (given) => (code = given),
    faults: { on: () => {}, listenerCount: () => 0 },
  });
  const lines = stdout.split("\n").filter((text) => text.startsWith("{"));
  return { code: code ?? exitCodes.ok, stdout, stderr, json: lines.map((text) => JSON.parse(text)) };
}

/** Import lines for `connection import -`. */
export function ndjson(lines: readonly (object | string)[]): string {
  return lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
}
