// Writes the plain worker's Prisma client to src/generated.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const prismaPackage = createRequire(import.meta.url).resolve("prisma/package.json");
const cli = join(dirname(prismaPackage), "build/index.js");
const { status, error, stdout, stderr } = spawnSync(process.execPath, [cli, "generate", "--no-hints"], {
  cwd: join(import.meta.dirname, ".."),
  env: {
    // biome-ignore lint/style/noProcessEnv: handed on to the child, not read.
    ...process.env,
    // Any executable will do: generate never starts the schema engine, and none is downloaded.
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
