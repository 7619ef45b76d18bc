import { fileURLToPath } from "node:url";

/** The folder of the whole project. The same depth from src/ and from dist/. */
export const projectRoot = fileURLToPath(new URL("../../..", import.meta.url));
