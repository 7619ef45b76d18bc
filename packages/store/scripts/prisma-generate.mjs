// Writes the Prisma client to src/generated, unless it is there for this very schema and Prisma.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const packageDir = fileURLToPath(new URL("..", import.meta.url));
const schemaFile = join(packageDir, "../../prisma/schema.prisma");
const stampFile = join(packageDir, "src/generated/.made-from");
const prismaPackage = createRequire(import.meta.url).resolve("prisma/package.json");
const prisma = JSON.parse(readFileSync(prismaPackage, "utf8"));

const stamp = createHash("sha256").update(prisma.version).update(readFileSync(schemaFile)).digest("hex");
if (readStamp() !== stamp) {
  generate();
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}

function readStamp() {
  try {
    return readFileSync(stampFile, "utf8");
  } catch {
    return undefined;
  }
}

function generate() {
  const cli = join(dirname(prismaPackage), prisma.bin.prisma);
  const { status, error, stdout, stderr } = spawnSync(process.execPath, [cli, "generate", "--no-hints"], {
    cwd: packageDir,
    env: {
      // biome-ignore lint/style/noProcessEnv: handed on to the child, not read.
      ...process.env,
      // Prisma fetches a native schema engine from a host of its own, but generate never starts it:
      // with any executable named here nothing is fetched, and builds work behind a registry mirror.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: "1",
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
    },
  });
  if (error) throw error;
  if (status !== 0) {
    process.stderr.write(stdout);
    process.stderr.write(stderr);
    process.exit(status ?? 1);
  }
}
