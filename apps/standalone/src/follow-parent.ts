// Loaded into each process that standalone starts, before its own code: should the supervisor vanish
// without a word (SIGKILL), its end of the channel closes, and the process stops in order.
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();
