import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "@evergrant/runtime";
import getPort from "get-port";

/** All that standalone keeps between two starts, in one ignored folder. */
export interface StateFolder {
  readonly path: string;
  file(name: string): string;
  has(name: string): boolean;
  remove(name: string): void;
  /** Forgets everything that an earlier start has left. */
  empty(): void;
  /** A secret that is made once and kept, readable by its owner alone. */
  secret(name: string, make: () => string): string;
  /** Writes a file and returns its path. */
  write(name: string, text: string): string;
  /** The port used last time, if it is still free, else another. */
  port(name: string, preferred?: number): Promise<number>;
  /** The port used last time and no other, or a new one the first time. @throws UserError when it is taken */
  samePort(name: string): Promise<number>;
  /** Lets another start use the folder. */
  release(): void;
}

/** @throws UserError when another start uses the folder */
export function openStateFolder(path: string): StateFolder {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const lock = join(path, "supervisor.pid");
  const owner = existsSync(lock) ? Number(readFileSync(lock, "utf8")) : 0;
  if (owner !== process.pid && isAlive(owner)) {
    throw new UserError(`Already running as process ${owner} (state in ${path}). Stop that one first.`);
  }
  writeFileSync(lock, `${process.pid}\n`);
  const file = (name: string) => join(path, name);
  const remove = (name: string) => rmSync(file(name), { recursive: true, force: true });
  const remembered = (name: string) =>
    existsSync(file(`${name}.port`)) ? [Number(readFileSync(file(`${name}.port`), "utf8"))] : [];
  const port = async (name: string, preferred?: number) => {
    const wanted = [...remembered(name), ...(preferred === undefined ? [] : [preferred])];
    const chosen = await getPort({ port: wanted, host: "127.0.0.1" });
    writeFileSync(file(`${name}.port`), `${chosen}\n`);
    return chosen;
  };
  return {
    path,
    file,
    has: (name) => existsSync(file(name)),
    remove,
    empty() {
      for (const name of readdirSync(path)) if (file(name) !== lock) remove(name);
    },
    secret(name, make) {
      if (!existsSync(file(name))) writeFileSync(file(name), make(), { mode: 0o600 });
      return readFileSync(file(name), "utf8").trim();
    },
    write(name, text) {
      writeFileSync(file(name), text, { mode: 0o600 });
      return file(name);
    },
    port,
    async samePort(name) {
      const [known] = remembered(name);
      const chosen = await port(name);
      if (known === undefined || known === chosen) return chosen;
      writeFileSync(file(`${name}.port`), `${known}\n`);
      throw new UserError(`Port ${known} (${name}) is taken by another program: free it, or begin anew with --fresh.`);
    },
    release: () => rmSync(lock, { force: true }),
  };
}

export const randomPassword = () => randomBytes(24).toString("base64url");
/** One entry of a key ring: a name, and 32 random bytes. */
export const randomKeyRing = () => `k1:${randomBytes(32).toString("base64")}`;

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
