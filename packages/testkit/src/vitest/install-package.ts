import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

const INSTALL_WITHIN_MS = 180_000;

/**
 * Installs a Debian package where that is one step away: on Debian or Ubuntu, as root.
 *
 * @param neededBy whose need is told to the terminal
 * @returns whether it is installed now
 */
export async function installPackage(name: string, neededBy: string, say: (line: string) => void): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return false;
  say(`Installing ${name} with apt-get: ${neededBy} need it.`);
  return (await aptInstall(name)) || ((await aptGet("update")) && (await aptInstall(name)));
}

function aptInstall(name: string): Promise<boolean> {
  return aptGet("install", "-y", "--no-install-recommends", name);
}

function aptGet(...args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    // debconf asks nothing; invoke-rc.d leaves the service stopped, since a run starts a server of its own.
    const child = spawn("env", ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq", ...args], {
      stdio: "ignore",
      timeout: INSTALL_WITHIN_MS,
    });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}
