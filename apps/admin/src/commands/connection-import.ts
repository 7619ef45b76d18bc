import { type ExitCode, exitCodes } from "@evergrant/runtime/command";
import { type ConnectionToImport, type ImportResult, importConnections } from "@evergrant/store";
import type { Command } from "commander";
import { importLines } from "../import/import-lines.ts";
import { countBytes, createImportProgress } from "../import/import-progress.ts";
import { addToSummary, EMPTY_SUMMARY, type ImportSummary, summaryInWords } from "../import/import-report.ts";
import { type ImportSource, openImportSource } from "../import/import-source.ts";
import { readLines } from "../import/read-lines.ts";
import type { Io } from "../io.ts";
import { loadDescriptors } from "../load-descriptors.ts";
import { openVaultOf } from "../open-vault-of.ts";
import { createPrinter, type Printer } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { jsonOption } from "./options.ts";

interface ImportOptions {
  readonly replace?: boolean;
  readonly json?: boolean;
}

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("import")
    .description("import grants from a file with one JSON object on each line; importing it again changes nothing")
    .argument("<file>", "the file, or - for stdin")
    .option("--replace", "overwrite the tokens of connections that are active with another one")
    .addOption(jsonOption())
    .addHelpText("after", LINE_HELP)
    .action(async (file: string, options: ImportOptions) => finish(await runConnectionImport(io, file, options)));
}

const LINE_HELP = `
A line: {"id":"acme-xero","app":"xero-prod","refreshToken":"…"}
Optional fields: accessToken, accessTokenExpiresAt and refreshTokenExpiresAt (such as 2026-11-21T10:00:00Z),
customer, mode (fresh, keepalive or off), tenants ([{"id":"…","name":"…"}]).`;

async function runConnectionImport(io: Io, file: string, options: ImportOptions): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const replace = options.replace === true;
  const source = await openImportSource(io, file);
  try {
    const summary = await withStore(io, async ({ store, env }) => {
      const vault = await openVaultOf(store, env);
      const descriptors = await loadDescriptors(store);
      return importAll(io, source, printer, (batch) =>
        importConnections(store, vault, descriptors, batch, { replace }),
      );
    });
    printer.json({ summary });
    printer.line(summaryInWords(summary, source.name));
    return summary.rejected > 0 ? exitCodes.partialFailure : exitCodes.ok;
  } finally {
    await source.close();
  }
}

async function importAll(
  io: Io,
  source: ImportSource,
  printer: Printer,
  store: (batch: readonly ConnectionToImport[]) => Promise<readonly ImportResult[]>,
): Promise<ImportSummary> {
  const progress = createImportProgress(io.stderr, source.totalBytes);
  let summary = EMPTY_SUMMARY;
  let bytesRead = 0;
  const lines = readLines(countBytes(source.input, (bytes) => (bytesRead = bytes)));
  try {
    for await (const results of importLines(lines, store)) {
      for (const result of results) {
        printer.json(result);
        if (result.result === "rejected" && !printer.isJson) progress.log(`line ${result.line}: ${result.reason}`);
      }
      summary = addToSummary(summary, results);
      progress.update(bytesRead, summary);
    }
  } catch (error) {
    progress.log(
      `stopped after ${summaryInWords(summary, source.name)} Import the same file again: what is stored stays.`,
    );
    throw error;
  } finally {
    progress.stop();
  }
  return summary;
}
