import pc from "picocolors";
import type { Io } from "../io.ts";

/** How a command speaks: to people on stdout, or to programs as JSON; asides always go to stderr. */
export interface Printer {
  readonly isJson: boolean;
  readonly colors: ReturnType<typeof pc.createColors>;
  /** A line for people; nothing with `--json`. */
  line(text?: string): void;
  /** One JSON document on one line, its times (fields named `…At`, `…Since`) in ISO 8601; nothing without `--json`. */
  json(value: unknown): void;
  /** A remark beside the result, on stderr, with and without `--json`. */
  remark(text: string): void;
}

/** Colours on a terminal only, and not where NO_COLOR asks for none (https://no-color.org). */
export function createPrinter(io: Io, { json = false }: { readonly json?: boolean | undefined } = {}): Printer {
  const hasColors = io.stdout.isTTY === true && !io.env.NO_COLOR && io.env.TERM !== "dumb";
  return {
    isJson: json,
    colors: pc.createColors(hasColors),
    line(text = "") {
      if (!json) io.stdout.write(`${text}\n`);
    },
    json(value) {
      if (json) io.stdout.write(`${JSON.stringify(value, isoTimes)}\n`);
    },
    remark(text) {
      io.stderr.write(`${text}\n`);
    },
  };
}

function isoTimes(name: string, value: unknown): unknown {
  return typeof value === "number" && /(At|Since)$/.test(name) ? new Date(value).toISOString() : value;
}
