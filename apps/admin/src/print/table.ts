/** Rows as aligned columns with their titles on top, two blanks between; numbers are aligned to the right. */
export function table(titles: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const isNumeric = titles.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"));
  const cells = [titles, ...rows.map((row) => row.map(String))];
  const widths = titles.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) =>
        isNumeric[column] ? (row[column] ?? "").padStart(width) : (row[column] ?? "").padEnd(width),
      )
      .join("  ")
      .trimEnd();
  return cells.map(line).join("\n");
}
