/** The database's migrations as wrangler keeps them: file names in `d1_migrations`, each applied once, in order. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { CliError } from "./tools.ts";

const BREAKPOINT = "--> statement-breakpoint";
const TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

type Statement = { bind(...values: unknown[]): Statement; all(): Promise<{ results: unknown[] }> };
type MigrationDatabase = { prepare(sql: string): Statement; batch(statements: never[]): Promise<unknown> };

/** Names in the order they apply. Numbered from 0000 without a gap, or somebody's work would be skipped or run late. */
export async function migrationNames(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  for (const [index, name] of names.entries()) {
    if (!name.startsWith(`${String(index).padStart(4, "0")}_`)) {
      throw new CliError(
        `migrations/${name} is out of order: number ${index} was expected.`,
        "Make migrations with `npm run migrations`, and number two that were made at the same time one after the other.",
      );
    }
  }
  return names;
}

/** A migration and its mark commit together, so a kill in between repeats it from the start or not at all. */
export async function applyMigrations(database: unknown, folder: string): Promise<void> {
  const db = database as MigrationDatabase;
  await db.prepare(TABLE).all();
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all();
  const applied = new Set(results.map((row) => (row as { name: string }).name));
  const names = await migrationNames(folder);
  const unknown = [...applied].filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new CliError(
      `The database is newer than this checkout: it has ${unknown.join(", ")}.`,
      "Use the newer checkout, or start with another folder: RINGFARE_STATE=<folder> npm start",
    );
  }
  for (const name of names.filter((candidate) => !applied.has(candidate))) {
    const sql = await readFile(path.join(folder, name), "utf8");
    const statements = sql
      .split(BREAKPOINT)
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .map((text) => db.prepare(text));
    const mark = db.prepare("INSERT INTO d1_migrations (name) VALUES (?1)").bind(name);
    await db.batch([...statements, mark] as never[]);
  }
}
