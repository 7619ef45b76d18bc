// Starts the services of a test run, says on its first line what tests are told of them, and stops them when its
// standard input ends.
import { pathToFileURL } from "node:url";

const [, , services = ""] = process.argv;
const { default: start } = (await import(pathToFileURL(services).href)) as {
  default: (project: { provide(name: string, value: unknown): void }) => Promise<() => Promise<void>>;
};
const provided: Record<string, unknown> = {};
const stop = await start({
  provide(name, value) {
    provided[name] = value;
  },
});
process.stdout.write(`${JSON.stringify(provided)}\n`);
for await (const _ of process.stdin);
await stop();
