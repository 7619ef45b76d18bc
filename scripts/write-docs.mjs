// Writes what the documentation takes from the code: the table of docs/configuration.md, and docs/invariants.md.
// Run it after a build.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configurationTable } from "../packages/runtime/dist/index.js";
import { invariantsPage } from "../tests/invariants/dist/page.js";
import { invariants } from "../tests/invariants/dist/table/index.js";

const BEGIN = "<!-- The table is written by `node scripts/write-docs.mjs`. -->\n";
const END = "<!-- End of the table. -->\n";

const root = process.argv[2] ?? join(import.meta.dirname, "..");
const path = join(root, "docs", "configuration.md");
writeFileSync(path, withTable(readFileSync(path, "utf8"), configurationTable()));
writeFileSync(join(root, "docs", "invariants.md"), invariantsPage(invariants));

/** A blank line on both sides, or Markdown takes table and comment for one block. */
function withTable(page, table) {
  const [before, rest = ""] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (after === undefined) {
    process.stderr.write(`${path}: the comments around the table are gone; put them back:\n${BEGIN}${END}`);
    process.exit(1);
  }
  return `${before}${BEGIN}\n${table}\n${END}${after}`;
}
