import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import { type AppName, type KnownVariable, knownVariables } from "./known-variables.ts";
import { ConfigurationError } from "./user-error.ts";

const PREFIX = "EVERGRANT_";
const LONGEST_VALUE_SHOWN = 16;
const LONGEST_NAME_SHOWN = 60;
const variables: Readonly<Record<string, KnownVariable>> = knownVariables;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables of `shape` (usually `envShape(app)`) from `env` and returns them typed, defaults
 * filled in. A variable set to nothing counts as not set, as `.env` files and Compose write it.
 *
 * Throws one `ConfigurationError` with a line for every fault: missing or unusable values, two that
 * exclude each other, and names that nobody reads but that are close to one that somebody does. No
 * line repeats a value of a secret variable or of an unknown one.
 */
export function readEnv<Shape extends Record<string, z.ZodType>>(options: {
  app: AppName;
  shape: Shape;
  env: Environment;
}): z.output<z.ZodObject<Shape>> {
  const given = withDefaults(withoutServiceLinks(withoutEmpty(options.env)), options.shape);
  const misspelt = findMisspelt(given, options.shape);
  const parsed = z.object(options.shape).safeParse(given);
  const faults = [
    ...misspelt.map((found) => found.fault),
    ...exclusionFaults(given, options.shape, options.app, misspelt),
    ...valueFaults(parsed.error, given, misspelt),
  ];
  if (parsed.success && faults.length === 0) return parsed.data;
  throw new ConfigurationError(faults);
}

function withoutEmpty(env: Environment): Record<string, string> {
  const filled = Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : []));
  return Object.fromEntries(filled);
}

/**
 * Kubernetes writes an address into every pod for every service of its namespace: a service named
 * `evergrant-metrics` sets EVERGRANT_METRICS_PORT=tcp://10.0.0.1:9460 and six more. Nobody typed those.
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
function withoutServiceLinks(env: Record<string, string>): Record<string, string> {
  const isLink = (name: string, value: string) =>
    /_SERVICE_(HOST|PORT)(_\w+)?$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(value));
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => !isLink(name, value)));
}

function withDefaults(env: Record<string, string>, shape: object): Record<string, string> {
  const defaults = Object.keys(shape).flatMap((name) => {
    const value = variables[name]?.default;
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(defaults), ...env };
}

interface Misspelt {
  /** The name that was probably meant. */
  readonly meant: string | undefined;
  readonly fault: string;
}

/** Every name of ours that nobody reads, and every near miss of a foreign name that we look for in vain. */
function findMisspelt(given: Record<string, string>, shape: object): Misspelt[] {
  const wanted = Object.keys(shape).filter((name) => !name.startsWith(PREFIX) && given[name] === undefined);
  return Object.keys(given)
    .filter((name) => variables[name] === undefined)
    .flatMap((name) => {
      if (name.toUpperCase().startsWith(PREFIX)) return [unknownName(name)];
      const meant = wanted.find((wish) => distance(name.toUpperCase(), wish) <= 2);
      return meant === undefined ? [] : [{ meant, fault: `${shownName(name)} is not read; did you mean ${meant}?` }];
    });
}

function unknownName(name: string): Misspelt {
  const candidates = Object.keys(variables).filter((known) => known.startsWith(PREFIX));
  const nearest = closest(name.toUpperCase(), candidates);
  const tolerance = Math.max(3, Math.floor((name.length - PREFIX.length) / 3));
  if (distance(name.toUpperCase(), nearest) <= tolerance) {
    return { meant: nearest, fault: `${shownName(name)} is not known; did you mean ${nearest}?` };
  }
  return {
    meant: undefined,
    fault: `${shownName(name)} is not known; remove it, or look in docs/configuration.md for its name`,
  };
}

/** A name may hold anything but `=`, line breaks too. */
function shownName(name: string): string {
  const printable = name.replaceAll(/[^\x21-\x7e]/g, "?");
  return printable.length > LONGEST_NAME_SHOWN ? `${printable.slice(0, LONGEST_NAME_SHOWN)}...` : printable;
}

function exclusionFaults(given: Record<string, string>, shape: object, app: AppName, misspelt: Misspelt[]): string[] {
  return Object.keys(shape).flatMap((name) => {
    const other = variables[name]?.insteadOf;
    if (other === undefined) return [];
    const here = [name, other].filter((either) => given[either] !== undefined);
    if (here.length === 2) return [`${other} and ${name} are both set; keep one of them`];
    const isExplained = misspelt.some(({ meant }) => meant === name || meant === other);
    const isNeeded = variables[name]?.eitherRequiredIn?.includes(app) && !isExplained;
    return here.length === 0 && isNeeded ? [`${other} is missing; set it or ${name}`] : [];
  });
}

/** One line for each variable whose value cannot be used. A missing one that was misspelt is not named twice. */
function valueFaults(error: z.ZodError | undefined, given: Record<string, string>, misspelt: Misspelt[]): string[] {
  const firstIssue = new Map(error?.issues.toReversed().map((issue) => [String(issue.path[0]), issue.message]));
  return [...firstIssue].toReversed().flatMap(([name, message]) => {
    const value = given[name];
    if (value !== undefined) return [`${name} must be ${message}${shown(name, value)}`];
    if (misspelt.some(({ meant }) => meant === name)) return [];
    return [`${name} is missing; set it to ${message}`];
  });
}

/** A long text in a variable of any kind may be a secret that was pasted into the wrong line. */
function shown(name: string, value: string): string {
  if (variables[name]?.secret) return "";
  return value.length > LONGEST_VALUE_SHOWN
    ? `, not a text of ${value.length} characters`
    : `, not ${JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, "?")}`;
}
