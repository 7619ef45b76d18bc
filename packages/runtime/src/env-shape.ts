import type { z } from "zod";
import { type AppName, type KnownVariable, knownVariables, type VariableName } from "./known-variables.ts";

/**
 * The environment of one app as zod fields, made from the table: exactly the variables that name the
 * app, optional unless the app requires them or they have a default. What is not in it, the app never
 * sees, whatever its environment holds.
 */
export function envShape<App extends AppName>(app: App): EnvShape<App> {
  const variables: [string, KnownVariable][] = Object.entries(knownVariables);
  const own = variables.filter(([, variable]) => variable.apps.includes(app));
  const fields = own.map(([name, variable]) => [
    name,
    isCertain(variable, app) ? variable.schema : variable.schema.optional(),
  ]);
  return Object.fromEntries(fields);
}

export type EnvShape<App extends AppName> = {
  [Name in VariableName as App extends Variables[Name]["apps"][number] ? Name : never]: Field<Variables[Name], App>;
};

type Variables = typeof knownVariables;
type Field<Variable extends KnownVariable, App extends AppName> =
  IsCertain<Variable, App> extends true ? Variable["schema"] : z.ZodOptional<Variable["schema"]>;
type IsCertain<Variable, App extends AppName> = Variable extends { readonly default: string }
  ? true
  : Variable extends { readonly requiredIn: readonly (infer Needy)[] }
    ? App extends Needy
      ? true
      : false
    : false;

function isCertain(variable: KnownVariable, app: AppName): boolean {
  return variable.default !== undefined || (variable.requiredIn?.includes(app) ?? false);
}
