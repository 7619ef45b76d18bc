import { basename } from "node:path";
import type { Guard, Invariant, Mutant, NotNeeded, TestName } from "./invariant.ts";

const LONGEST_CODE = 110;
const LINE = 116;

/** The whole of docs/invariants.md, as the table says it. */
export function invariantsPage(invariants: readonly Invariant[]): string {
  const parts = [intro(invariants), overview(invariants), ...invariants.map(section)];
  return `${parts.join("\n\n")}\n`;
}

function intro(invariants: readonly Invariant[]): string {
  return `# The invariants, and what keeps them

<!-- Written by \`node scripts/write-docs.mjs\` from tests/invariants/src/table. -->

Evergrant makes ${invariants.length} promises that hold whatever happens. A promise is worth what keeps it. So this page names, for
each of them, the pieces of code without which it would be broken, and for each piece the test that fails when it is
taken away.

That a test fails is not believed but seen. \`npm run check:invariants\` copies the project, runs all tests that are
named here on the code as it is, and then takes the guards away or weakens them, one at a time: ${countMutants(invariants)} changes, each of
which its test has to notice by an assertion of its own (or, where something breaks before one is reached, by the very
error that the table foretells). A change that no test notices ends the command with an error. So does code that was
rewritten until a change no longer fits it: no guard drops out of this list unseen.

\`npm run check:invariants -- --only 3\` tries one invariant, \`--only late-tokens-are-thrown-away\` one change, and
\`--json\` reports for machines. It takes some minutes, and leaves nothing behind.`;
}

function overview(invariants: readonly Invariant[]): string {
  const rows = invariants.map(
    (invariant) =>
      `| ${invariant.number} | [${invariant.promise}](#${anchorOf(invariant)}) | ${invariant.guards.length} | ${countMutants([invariant])} |`,
  );
  return ["| | promise | guards | changes seen to fail |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function section(invariant: Invariant): string {
  const { why, guards, notNeeded = [] } = invariant;
  const lines = [`## ${headingOf(invariant)}`, "", wrapped(why), "", ...guards.map(guardLines)];
  if (notNeeded.length > 0) lines.push("What it does not rest on:", "", ...notNeeded.map(notNeededLine));
  return lines.join("\n").trimEnd();
}

function headingOf({ number, promise }: Invariant): string {
  return `${number}. ${promise}`;
}

/** As GitHub makes it. */
function anchorOf(invariant: Invariant): string {
  return headingOf(invariant)
    .toLowerCase()
    .replaceAll(/[^a-z0-9 _-]/g, "")
    .replaceAll(" ", "-");
}

function guardLines(guard: Guard): string {
  const mutants = guard.mutants.map((mutant) => mutantLine(mutant, guard));
  return [`**${guard.does}.** ${link(guard.file, guard.file)}`, "", ...mutants, ""].join("\n");
}

function mutantLine(mutant: Mutant, guard: Guard): string {
  const test = testOf(mutant.test ?? guard.test);
  return `- \`${mutant.name}\`: ${changeOf(mutant)}, ${mutant.means}. Seen to fail: ${test}.`;
}

function notNeededLine({ file, because, test, name, ...change }: NotNeeded): string {
  return `- \`${name}\`: ${changeOf(change)} in ${link(file, file)} nothing is lost. ${because}. Seen to pass: ${testOf(test)}.`;
}

function changeOf({ find, replace }: Pick<Mutant, "find" | "replace">): string {
  return replace.trim() === "" ? `without ${code(find)}` : `with ${code(replace)} in place of ${code(find)}`;
}

function testOf({ file, name }: TestName): string {
  return `"${name}" (${link(basename(file), file)})`;
}

function link(text: string, file: string): string {
  return `[${text}](../${file})`;
}

/** One line of code, cut where it is long: the table has it whole. */
function code(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  const shown = line.length > LONGEST_CODE ? `${line.slice(0, LONGEST_CODE)}…` : line;
  return shown.includes("`") ? `\`\` ${shown} \`\`` : `\`${shown}\``;
}

function wrapped(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= LINE) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}

function countMutants(invariants: readonly Invariant[]): number {
  return invariants.flatMap(({ guards }) => guards.flatMap(({ mutants }) => mutants)).length;
}
