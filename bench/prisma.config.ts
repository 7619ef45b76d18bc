import { defineConfig } from "prisma/config";

export default defineConfig({ schema: "src/plain/schema.prisma" });
