/** For `npm run migrations` only: where the schema is, and where migrations go. Never part of the Worker. */
import { defineConfig } from "drizzle-kit";

export default defineConfig({ dialect: "sqlite", schema: "./src/storage/schema.ts", out: "./migrations" });
