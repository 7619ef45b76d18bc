import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { UserError } from "@evergrant/runtime/command";
import type { Io } from "../io.ts";

const LONGEST_SECRET = 4_096;

/**
 * Reads a client secret from the file given, else from EVERGRANT_CLIENT_SECRET, else from stdin, on a
 * terminal with a question and without an echo. Never from an argument.
 *
 * @throws UserError when there is none, or what is there cannot be one; no message repeats it
 */
export async function readClientSecret(io: Io, options: { readonly secretFile?: string | undefined }): Promise<string> {
  const { text, source } = await readText(io, options.secretFile);
  const secret = text.trim();
  if (secret === "") throw new UserError(`no client secret: ${source} is empty`);
  if (secret.length > LONGEST_SECRET)
    throw new UserError(`${source} has more than ${LONGEST_SECRET} characters: that is no client secret`);
  // RFC 6749 appendix A.2: visible ASCII characters and blanks.
  if (!/^[\x20-\x7e]+$/.test(secret))
    throw new UserError(`${source} holds more than one line, or characters that no client secret has`);
  return secret;
}

async function readText(io: Io, path: string | undefined): Promise<{ text: string; source: string }> {
  if (path !== undefined) return { text: await readSecretFile(path), source: `the file ${path}` };
  const { EVERGRANT_CLIENT_SECRET: given } = io.env;
  if (given !== undefined && given.trim() !== "") return { text: given, source: "EVERGRANT_CLIENT_SECRET" };
  const text = io.stdin.isTTY ? await ask(io) : await readAll(io.stdin);
  return { text, source: "stdin" };
}

async function readSecretFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UserError(`cannot read the secret file ${path} (${codeOf(error)})`, { cause: error });
  }
}

async function readAll(input: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of input) {
    parts.push(part);
    bytes += part.length;
    if (bytes > 2 * LONGEST_SECRET) break;
  }
  return Buffer.concat(parts).toString("utf8");
}

/** readline echoes to its output, so the output shows nothing. */
async function ask(io: Io): Promise<string> {
  io.stderr.write("Client secret (not shown): ");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({
    input: io.stdin as unknown as NodeJS.ReadableStream,
    output: silent,
    terminal: true,
  });
  try {
    return await terminal.question("");
  } finally {
    terminal.close();
    io.stderr.write("\n");
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
