/** The entry point of a process that lives a second: nothing here loads a logger, metrics or a server. */
export { type EnvShape, envShape } from "./env-shape.ts";
export { readEnv } from "./read-env.ts";
export { readKeyRingText } from "./read-key-ring-text.ts";
export { runApp } from "./run-app.ts";
export { ConfigurationError, type ExitCode, exitCodes, UserError } from "./user-error.ts";
export { version } from "./version.ts";
