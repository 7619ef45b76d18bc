import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A change of one file: `find` stands in it exactly once. */
export interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The table and the code have come apart. Its text says where. */
export class MisplacedMutant extends Error {
  override readonly name = "MisplacedMutant";
}

/**
 * The text with the change made.
 *
 * @throws MisplacedMutant when what is to be replaced does not stand there exactly once, or would not change
 */
export function changed(text: string, { file, find, replace }: Change): string {
  const parts = text.split(find);
  if (find === "" || parts.length !== 2) {
    throw new MisplacedMutant(`${file} holds ${parts.length - 1} times, not once: ${JSON.stringify(find)}`);
  }
  if (find === replace) throw new MisplacedMutant(`${file} would stay as it is: ${JSON.stringify(find)}`);
  return parts.join(replace);
}

/**
 * Makes the change in a tree.
 *
 * @returns what takes it back
 * @throws MisplacedMutant as `changed` does; the tree is as it was then
 */
export async function applyChange(tree: string, change: Change): Promise<() => Promise<void>> {
  const path = join(tree, change.file);
  const before = await readFile(path, "utf8");
  await writeFile(path, changed(before, change));
  return () => writeFile(path, before);
}
