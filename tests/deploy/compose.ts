import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** A service of docker-compose.yml as far as the tests look at it. */
export interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly stop_grace_period?: string;
  readonly container_name?: string;
  readonly restart?: string;
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, null>>;
}

type Variables = Readonly<Record<string, string>>;

export const compose: ComposeFile = parse(
  readFileSync(join(import.meta.dirname, "..", "..", "docker-compose.yml"), "utf8"),
  { merge: true },
);

/** @throws Error when there is none of that name */
export function serviceOf(name: string): Service {
  const service = compose.services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}.`);
  return service;
}

/**
 * What a container of the service has in its environment, given the variables of `.env` and the shell.
 *
 * @throws Error with the file's own message when a variable that it cannot do without is not among them
 */
export function environmentOf(service: Service, variables: Variables): Record<string, string> {
  const entries = Object.entries(service.environment ?? {}).flatMap(([name, value]) => {
    const given = value === null ? variables[name] : interpolate(value, variables);
    return given === undefined ? [] : [[name, given]];
  });
  return Object.fromEntries(entries);
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?message}`; an empty value counts as none in the last two. */
export function interpolate(text: string, variables: Variables): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, rest = "") => {
    const value = variables[name] ?? "";
    if (value !== "" || kind === undefined) return value;
    if (kind === "?") throw new Error(`${name}: ${rest}`);
    return rest;
  });
}
