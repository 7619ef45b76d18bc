import { type KnownVariable, knownVariables } from "./known-variables.ts";

/** The table of variables as Markdown, for docs/configuration.md: one row each, in the order of the table. */
export function configurationTable(): string {
  const rows = Object.entries(knownVariables).map(([name, variable]) => row(name, variable));
  return ["| variable | read by | default | what it is |", "|---|---|---|---|", ...rows, ""].join("\n");
}

function row(name: string, variable: KnownVariable): string {
  const readers = variable.apps.map((app) => (variable.requiredIn?.includes(app) ? `**${app}**` : app));
  const value = variable.default === undefined ? "" : `\`${variable.default}\``;
  const secret = variable.secret ? " (secret)" : "";
  return `| \`${name}\` | ${readers.join(", ")} | ${value} | ${variable.description}${secret} |`;
}
