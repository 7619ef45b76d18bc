import { readFileSync } from "node:fs";

const { version }: { version: string } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** Told to every provider, so that its support can tell our requests apart. */
export const USER_AGENT = `evergrant/${version}`;
