import type { Store } from "@evergrant/store";
import type { TokenVault } from "@evergrant/store/secrets";

/** What is stored of a connection, opened. */
export interface StoredRow {
  readonly state: string;
  readonly generation: number;
  readonly refreshToken: string;
  readonly accessToken: string | null;
  readonly hasIntent: boolean;
}

/** @throws SecretError when a stored token does not open in its place */
export async function readRow({ prisma }: Store, vault: TokenVault, id: string): Promise<StoredRow> {
  const row = await prisma.connection.findUniqueOrThrow({ where: { id }, include: { tokenSet: true, intent: true } });
  if (row.tokenSet === null) throw new Error(`Broken: ${id} has no token set`);
  const { generation, refreshToken, accessToken } = row.tokenSet;
  const open = (field: "refreshToken" | "accessToken", sealed: Uint8Array) =>
    vault.openToken({ connectionId: id, field, generation }, sealed);
  return {
    state: row.state,
    generation,
    refreshToken: open("refreshToken", refreshToken),
    accessToken: accessToken === null ? null : open("accessToken", accessToken),
    hasIntent: row.intent !== null,
  };
}
