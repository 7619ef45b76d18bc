import type { ProviderDescriptor } from "@evergrant/core";
import { DescriptorError, resolveDescriptor } from "@evergrant/providers";
import { UserError } from "@evergrant/runtime/command";
import { listApps, type Store } from "@evergrant/store";

/**
 * The descriptor of each OAuth app, by app id.
 *
 * @throws UserError when a stored one cannot be used
 */
export async function loadDescriptors(store: Store): Promise<Map<string, ProviderDescriptor>> {
  const apps = await listApps(store);
  try {
    return new Map(apps.map((app) => [app.id, resolveDescriptor(app.provider, app.descriptor, `app ${app.id}`)]));
  } catch (error) {
    throw error instanceof DescriptorError ? new UserError(error.message, { cause: error }) : error;
  }
}
