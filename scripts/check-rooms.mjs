// The law of rooms at package level: who may depend on whom. pnpm gives a package only what its
// package.json names, so what is refused here cannot be imported either.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = process.argv[2] ?? join(import.meta.dirname, "..");
const PREFIX = "@evergrant/";
const ADAPTERS = ["store", "queue", "providers", "runtime"];
const MAY_DEPEND_ON = {
  "packages/core": [],
  "packages/testkit": [],
  ...Object.fromEntries(ADAPTERS.map((name) => [`packages/${name}`, ["core"]])),
  "apps/standalone": ["runtime"],
};
const APP_MAY_DEPEND_ON = ["core", ...ADAPTERS];

const faults = [];
for (const floor of ["packages", "apps"]) {
  for (const name of readdirSync(join(root, floor))) checkRoom(`${floor}/${name}`);
}
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exit(faults.length === 0 ? 0 : 1);

function checkRoom(room) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(
    readFileSync(join(root, room, "package.json"), "utf8"),
  );
  const allowed = MAY_DEPEND_ON[room] ?? APP_MAY_DEPEND_ON;
  if (room === "packages/core" && Object.keys(dependencies).length > 0) {
    faults.push(`${room}: core has no dependencies; remove ${Object.keys(dependencies).join(", ")}`);
  }
  for (const dependency of Object.keys(dependencies).filter((key) => key.startsWith(PREFIX))) {
    const target = dependency.slice(PREFIX.length);
    if (!allowed.includes(target)) {
      faults.push(
        `${room}: must not depend on ${dependency}; it may depend on ${allowed.join(", ") || "nothing of ours"}`,
      );
    }
  }
  if (room.startsWith("packages/") && room !== "packages/testkit") {
    const apps = Object.keys(devDependencies).filter(
      (key) => key.startsWith(PREFIX) && !(`packages/${key.slice(PREFIX.length)}` in MAY_DEPEND_ON),
    );
    for (const app of apps) faults.push(`${room}: a package never depends on an app (${app})`);
  }
}
