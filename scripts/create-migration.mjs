// Writes prisma/migrations/<time>_<name>/migration.sql: what schema.prisma has that the migrations lack.
// Run after `npm run build`:  node scripts/create-migration.mjs add_tenant_label
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const prismaDir = fileURLToPath(new URL("../prisma/", import.meta.url));
const [name] = process.argv.slice(2);

if (name === undefined || !/^[a-z][a-z0-9_]*$/.test(name)) {
  fail(
    "Give the migration a name of small letters, digits and underscores: node scripts/create-migration.mjs add_label",
  );
}
const { startEmbeddedPostgres } = await built("testkit/dist/postgres/index.js");
const { migrate } = await built("store/dist/migrate.js");
const { compareWithSchema } = await built("store/dist/migrate-compare.js");

const script = await inThrowAwayDatabase(async (databaseUrl) => {
  await migrate({ databaseUrl });
  return compareWithSchema({ databaseUrl, schema: await readFile(join(prismaDir, "schema.prisma"), "utf8") });
});
if (script === undefined) fail("The migrations already make what schema.prisma describes: nothing to write.");

const time = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
const file = join(prismaDir, "migrations", `${time}_${name}`, "migration.sql");
await mkdir(join(file, ".."));
await writeFile(file, script);
process.stdout.write(
  `Wrote ${file}\nRead it before you commit it: it runs as one transaction on tables that are in use.\n`,
);

function built(path) {
  return import(new URL(`../packages/${path}`, import.meta.url)).catch((cause) => {
    if (cause.code === "ERR_MODULE_NOT_FOUND") fail("The packages are not built: run npm run build first.");
    throw cause;
  });
}

async function inThrowAwayDatabase(work) {
  const dataDir = await mkdtemp(join(tmpdir(), "evergrant-migration-"));
  const server = await startEmbeddedPostgres({ dataDir, durable: false });
  try {
    return await work(server.url);
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}
