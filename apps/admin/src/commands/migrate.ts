import { createQueueBackend } from "@evergrant/queue";
import { type ExitCode, exitCodes, UserError } from "@evergrant/runtime/command";
import { migrate } from "@evergrant/store";
import type { Command } from "commander";
import { readAdminEnv } from "../env.ts";
import { explainStoreError } from "../explain-store-error.ts";
import type { Io } from "../io.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { jsonOption } from "./options.ts";

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("migrate")
    .description("bring the database up to date; safe to run from many pods at once")
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => finish(await runMigrate(io, options)));
}

/** Needs no key. The queue's own tables, where it lives in PostgreSQL, are brought up to date as well. */
async function runMigrate(io: Io, options: { readonly json?: boolean }): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } = readAdminEnv(io);
  const onMigration = (name: string) => printer.line(`Applied ${name}.`);
  const onWaiting = () => printer.remark("Waiting for another process that is migrating.");
  const { applied } = await migrate({ databaseUrl, onMigration, onWaiting }).catch(explained);

  const backend = createQueueBackend({ redisUrl, databaseUrl, onError: () => {} });
  try {
    await backend.prepare();
  } finally {
    await backend.close();
  }
  printer.json({ applied });
  printer.line(
    applied.length === 0 ? "The database is up to date." : `Applied ${applied.length}; the database is up to date.`,
  );
  return exitCodes.ok;
}

/** What the migrator throws is already one clear line. */
function explained(error: unknown): never {
  const known = explainStoreError(error);
  if (known !== undefined || !(error instanceof Error)) throw known ?? error;
  throw new UserError(error.message, { exitCode: exitCodes.unexpected, cause: error });
}
