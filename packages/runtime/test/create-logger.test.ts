import { expect, it } from "vitest";
import { createLogger, type Logger, version } from "../src/index.ts";

const CANARY = "s3cr3t-canary";

function logged(write: (logger: Logger) => void, options: { pretty?: boolean; level?: "trace" | "warn" } = {}): string {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  write(createLogger({ app: "worker", level: "trace", destination, ...options }));
  return lines.join("");
}

it("writes one JSON object a line, with time, level, process and version", () => {
  const line = JSON.parse(logged((logger) => logger.info({ jobs: 3 }, "took %d jobs", 3)));
  expect(line).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    app: "worker",
    pid: process.pid,
    version,
    jobs: 3,
    msg: "took 3 jobs",
  });
});

it("writes nothing below its level", () => {
  expect(logged((logger) => logger.info("quiet"), { level: "warn" })).toBe("");
});

it("logs an error alone with its message, name, stack and cause", () => {
  const error = new RangeError("outer", { cause: new Error("inner") });
  const line = JSON.parse(logged((logger) => logger.error(error)));
  expect(line).toMatchObject({
    msg: "outer",
    err: { name: "RangeError", message: "outer", cause: { message: "inner" } },
  });
  expect(line.err.stack).toContain("create-logger.test.ts");
});

it("writes lines for people when asked, and only then", () => {
  const pretty = logged((logger) => logger.warn({ port: 9462 }, "listening"), { pretty: true });
  expect(pretty).toMatch(/WARN.*listening/);
  expect(pretty).toContain("port: 9462");
  expect(() => JSON.parse(logged((logger) => logger.warn("x")))).not.toThrow();
});

const driverError = Object.assign(new Error(`Key (refresh_token)=(${CANARY}) already exists, token=x`), {
  detail: `Key (token)=(${CANARY})`,
  parameters: [CANARY],
});
driverError.message = `could not reach postgres://evergrant:${CANARY}@db:5432`;
driverError.stack = `Error: could not reach postgres://evergrant:${CANARY}@db:5432\n    at x`;

const waysIn: [string, (logger: Logger) => void][] = [
  ["a field", (logger) => logger.info({ refreshToken: CANARY }, "x")],
  ["a deep field", (logger) => logger.info({ a: { b: { c: { d: { access_token: CANARY } } } } }, "x")],
  ["the message", (logger) => logger.info(`Authorization: Basic ${CANARY}`)],
  ["an argument of the message", (logger) => logger.info("Authorization: Basic %s", CANARY)],
  ["an object argument of the message", (logger) => logger.info("got %o", { client_secret: CANARY })],
  ["a left-over argument", (logger) => Reflect.apply(logger.info, logger, ["got", `password=${CANARY}`])],
  ["an error", (logger) => logger.error(driverError)],
  ["an error under err", (logger) => logger.error({ err: driverError }, "x")],
  ["an error under another name", (logger) => logger.error({ reason: driverError }, "x")],
  ["an error inside a list", (logger) => logger.error({ failures: [{ error: driverError }] }, "x")],
  ["a cause", (logger) => logger.error(new Error("x", { cause: driverError }))],
  ["an error as argument", (logger) => logger.error("failed: %s", driverError)],
  ["a binding of a child", (logger) => logger.child({ token: CANARY, url: `redis://:${CANARY}@h` }).info("x")],
  [
    "a binding of a grandchild",
    (logger) =>
      logger
        .child({ a: 1 })
        .child({ b: { secret: CANARY } })
        .info("x"),
  ],
  [
    "bindings that are set later",
    (logger) => {
      logger.setBindings({ newRefreshToken: CANARY });
      logger.info("x");
    },
  ],
  ["an error bound to a child", (logger) => logger.child({ last: driverError }).info("x")],
  ["bytes", (logger) => logger.info({ plain: Buffer.from(CANARY), set: new Uint8Array(Buffer.from(CANARY)) }, "x")],
  ["a key ring of the environment", (logger) => logger.info({ env: { EVERGRANT_KEY_RING: CANARY } }, "x")],
];

it.each(waysIn)("a secret never comes out through %s", (_name, write) => {
  for (const pretty of [true, false]) {
    const output = logged(write, { pretty });
    expect(output).not.toBe("");
    expect(output).not.toContain(CANARY);
    expect(output).not.toContain(Buffer.from(CANARY).toString("base64"));
    expect(output).not.toContain([...Buffer.from(CANARY)].slice(0, 4).join(","));
  }
});

it("pino's own redaction stands behind: a field that a serializer brings in is censored too", () => {
  const output = logged((logger) => {
    const child = logger.child({}, { serializers: { connection: () => ({ refreshToken: CANARY }) } });
    child.info({ connection: { id: "acme" } }, "x");
  });
  expect(JSON.parse(output).connection).toEqual({ refreshToken: "[redacted]" });
});
