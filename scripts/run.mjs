// The one entry of every npm script: brings the tree to where the command can run, then runs it.
// Needs nothing but Node and npm; everything else is installed here.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = join(root, "node_modules", ".bin");
const env = {
  ...process.env,
  PATH: `${bin}${delimiter}${process.env.PATH}`,
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
};

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

const node = (file, ...args) => [process.execPath, [join(root, file), ...args]];
const tool = (name, ...args) => [join(bin, name), args];

const commands = {
  build: { steps: () => [] },
  demo: { steps: (args) => [node("apps/standalone/dist/main.js", "demo", ...args)] },
  start: { steps: (args) => [node("apps/standalone/dist/main.js", "start", ...args)] },
  admin: { quiet: true, prepare: findFleet, become: "apps/admin/dist/main.js" },
  bench: { steps: (args) => [node("bench/dist/main.js", ...args)] },
  crash: { steps: (args) => [node("tests/crash/dist/main.js", ...args)] },
  fuzz: { steps: (args) => [node("tests/hostile/dist/main.js", ...args)] },
  simulate: { steps: (args) => [node("tests/simulation/dist/main.js", ...args)] },
  check: { steps: () => checks() },
  "check:invariants": { steps: (args) => [node("tests/invariants/dist/main.js", ...args)] },
  test: { steps: (args) => [...(args.length === 0 ? checks() : []), tool("vitest", "run", ...args)] },
};

/** Format and lint with import direction and cycles, types of tests, rules of the rooms, dead code. */
function checks() {
  return [
    tool("biome", "ci", "--error-on-warnings"),
    tool("tsc", "-p", "tsconfig.test.json"),
    node("scripts/check-rooms.mjs"),
    tool("knip"),
  ];
}

/** What `.env` says, and where a fleet runs that `npm run demo` or `npm start` began here. */
function findFleet() {
  for (const file of [".env", ".evergrant/admin.env"]) {
    const path = join(root, file);
    // A variable that is set already is stronger than one in a file.
    if (process.env.DATABASE_URL === undefined && existsSync(path)) process.loadEnvFile(path);
  }
}

const [name = "", ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) stop(`Unknown command "${name}". There are: ${Object.keys(commands).join(", ")}.`, 2);
install(command.quiet);
build(command.quiet);
command.prepare?.();
if (command.become !== undefined) await become(command.become, args);
else {
  for (const step of command.steps(args)) {
    const code = await run(step);
    if (code !== 0) process.exit(code);
  }
}

/** Installs when the lockfile is not the one that node_modules was made from. */
function install(quiet) {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "pnpm-lock.yaml")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".evergrant-installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  say(quiet, "Installing dependencies…");
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // npm's own settings, handed down by `npm run`, are no business of pnpm's.
  const clean = Object.fromEntries(
    Object.entries(env).filter(([key]) => !key.startsWith("npm_") || key === "npm_config_registry"),
  );
  finish(
    "install",
    spawnSync(npm, ["exec", "--yes", "--", packageManager, "install", "--frozen-lockfile", "--reporter=append-only"], {
      cwd: root,
      env: clean,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  writeFileSync(stamp, lock);
}

/** Builds when a source is newer than the last build; what did not change comes out of turbo's cache. */
function build(quiet) {
  const stamp = join(root, ".turbo", "evergrant-built");
  if (existsSync(stamp) && statSync(stamp).mtimeMs > newestSource()) return;
  say(quiet, "Building…");
  finish(
    "build",
    spawnSync(join(bin, "turbo"), ["run", "build", "--output-logs=errors-only", "--log-prefix=none"], {
      cwd: root,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  mkdirSync(join(root, ".turbo"), { recursive: true });
  writeFileSync(stamp, "");
}

function newestSource() {
  let newest = statSync(join(root, "pnpm-lock.yaml")).mtimeMs;
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (["node_modules", "dist", "generated", "test"].includes(entry.name) || entry.name.startsWith(".")) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.(ts|json|prisma|css|mjs)$/.test(entry.name)) newest = Math.max(newest, statSync(path).mtimeMs);
    }
  };
  for (const room of [
    "apps",
    "packages",
    "prisma",
    "bench",
    "tests/crash",
    "tests/invariants",
    "tests/hostile",
    "tests/simulation",
  ])
    visit(join(root, room));
  return newest;
}

function finish(what, result) {
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  stop(`The ${what} failed${result.error ? `: ${result.error.message}` : ""}.`, 1);
}

/** Goes on as the command itself: an operator does not wait for one more process to start. */
async function become(file, args) {
  process.argv = [process.execPath, join(root, file), ...args];
  await import(join(root, file));
}

/** Signals are passed on. A child that also heard Ctrl-C by itself is told twice, which changes nothing. */
function run(step) {
  return new Promise((resolve) => {
    const [program, programArgs] = asRootInClosedFolder(step);
    const child = spawn(program, programArgs, { cwd: root, env: { ...process.env, ...env }, stdio: "inherit" });
    const pass = (signal) => child.kill(signal);
    for (const signal of SIGNALS) process.on(signal, pass);
    child.on("error", (error) => stop(error.message, 1));
    child.on("exit", (code, signal) => {
      for (const name of SIGNALS) process.off(name, pass);
      resolve(code ?? (signal === "SIGINT" ? 130 : 1));
    });
  });
}

/**
 * PostgreSQL refuses to run as root, so the embedded one runs as the user "postgres", who cannot enter a
 * folder such as /root. Then it is started with the right to pass through folders, and no other.
 */
function asRootInClosedFolder([file, childArgs]) {
  const isClosed = () => {
    for (let folder = root; folder !== dirname(folder); folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) return true;
    }
    return false;
  };
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/setpriv") || !isClosed()) return [file, childArgs];
  const rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"];
  return ["/usr/bin/setpriv", [...rights, file, ...childArgs]];
}

function say(quiet, text) {
  // A command for machines owns standard output.
  if (!quiet) process.stderr.write(`${text}\n`);
}

function stop(text, code) {
  process.stderr.write(`${text}\n`);
  process.exit(code);
}
