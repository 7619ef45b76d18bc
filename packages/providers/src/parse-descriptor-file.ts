import type { ProviderDescriptor } from "@evergrant/core";
import { DescriptorError } from "./descriptor-error.ts";
import { resolveDescriptor } from "./resolve-descriptor.ts";

/** A descriptor file that can be used. */
export interface DescriptorFile {
  readonly provider: string;
  /** The file's own JSON, as an OAuth app stores it: later defaults reach what it does not mention. */
  readonly stored: Readonly<Record<string, unknown>>;
  /** What it comes to today. */
  readonly descriptor: ProviderDescriptor;
}

/**
 * Reads a user's descriptor file: a JSON object with `provider` and, unless that is built in,
 * `tokenUrl`; every other field of `ProviderDescriptor` may be left out.
 *
 * @param text the file's content
 * @param fileName for the error message
 * @throws DescriptorError one line: the file, the field (or line and column), the fault
 */
export function parseDescriptorFile(text: string, fileName: string): DescriptorFile {
  const stored = parseJson(text, fileName);
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) {
    throw new DescriptorError(fileName, ["the descriptor must be an object"]);
  }
  if (!("provider" in stored))
    throw new DescriptorError(fileName, ["provider: missing, name the provider it describes"]);
  if (typeof stored.provider !== "string") throw new DescriptorError(fileName, ["provider: must be a string"]);
  const descriptor = resolveDescriptor(stored.provider, stored, fileName);
  return { provider: stored.provider, stored: { ...stored }, descriptor };
}

function parseJson(text: string, fileName: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    // Only the position is passed on: the engine's message quotes the text.
    const position = /at position (\d+)/.exec(String(error))?.[1];
    throw new DescriptorError(fileName, [
      `is not JSON${position === undefined ? "" : placeOf(text, Number(position))}`,
    ]);
  }
}

function placeOf(text: string, position: number): string {
  const lines = text.slice(0, position).split("\n");
  return `, see line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
}
