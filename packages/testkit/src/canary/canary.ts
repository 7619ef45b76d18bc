import { randomBytes } from "node:crypto";

/** A secret that is planted where one lives, so that it can be looked for where none may be. */
export interface Canary {
  /** What it stands for, such as `refresh tokens`: told with each sighting, where the secret is not. */
  readonly name: string;
  readonly secret: string;
}

/** A canary whose secret occurs nowhere else in the world: its beginning, then 24 random letters and digits. */
export function makeCanary(name: string, beginning = "canary-"): Canary {
  return { name, secret: `${beginning}${randomBytes(12).toString("hex")}` };
}
