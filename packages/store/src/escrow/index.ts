export { type Escrow, type EscrowEntry, EscrowError } from "./escrow.ts";
export { openEscrow } from "./open-escrow.ts";
