import { expect, it } from "vitest";
import { createLogger, reportEvent } from "../src/index.ts";

it("an event becomes one line that says whose it is, what happened and why", () => {
  const lines: string[] = [];
  const logger = createLogger({
    app: "worker",
    level: "info",
    destination: { write: (line) => void lines.push(line) },
  });
  const subject = { connection: "acme-xero", oauthApp: "xero-prod", provider: "xero" };
  reportEvent(logger, subject, { kind: "needs_reauth", cause: "inactivity", strikes: 2 });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "warn",
    app: "worker",
    event: "needs_reauth",
    ...subject,
    cause: "inactivity",
    strikes: 2,
    msg: "the customer has to reconnect",
  });
});
