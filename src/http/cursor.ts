/**
 * Lists: `{items, nextCursor}`, with a cursor that is a signed position.
 * It is bound to the list, to who asks (the partner, or the operator) and to the filter, so that a cursor taken from
 * elsewhere is refused rather than silently answered from another place. The position is not a secret.
 *
 * A route spreads `listQuery` into its query schema and calls `listPage` with a `read` that returns the rows after a
 * position in the list's own order. Positions are keys of rows, never offsets: rows that come and go meanwhile shift nothing.
 */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { hmac, hmacKey } from "../auth/hmac.ts";
import type { SecretKey } from "../config.ts";
import { fromBase64Url, toBase64Url } from "../domain/encoding.ts";
import { invalidField, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { AppEnv } from "./context.ts";
import { limitQuery } from "./schemas.ts";

const MAX_CURSOR_LENGTH = 1024;
const MAC_BYTES = 16;
const KEY_LABEL = "ringfare cursor 1";

/** The sort key of a row: what comes after it is the next page. */
export type Position = readonly (string | number)[];

/** Read `take` rows in the list's order, those after `after` (null: from the start). */
export type Window<P extends Position = Position> = { readonly after: P | null; readonly take: number };

export type Page<Item> = { items: Item[]; nextCursor: string | null };

/** The query of every list; spread it into a strict object together with the list's filters. */
export const listQuery = {
  limit: limitQuery,
  cursor: z.string().max(MAX_CURSOR_LENGTH).optional().openapi({ description: "`nextCursor` of the page before." }),
};

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });

/** How many there are in all, where that is cheap to know. */
export const totalSchema = z
  .number()
  .int()
  .nullable()
  .optional()
  .openapi({ description: "With the first page: how many match in all. null = too many to count cheaply." });

type ListOf<Row, Item, P extends Position> = {
  /** Names the list and its order; change it when the shape of its positions changes. */
  readonly name: string;
  readonly query: { readonly limit: number; readonly cursor?: string | undefined };
  /** Whose list it is; by default the caller's partner. */
  readonly owner?: string;
  /** Everything besides the cursor that decides which rows are listed. */
  readonly filter?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly read: (window: Window<P>) => Promise<readonly Row[]>;
  readonly positionOf: (row: Row) => P;
  readonly itemOf: (row: Row) => Item;
};

/** One page. Refuses with `invalid_input` at /cursor when the cursor is not this caller's for this list and filter. */
export async function listPage<Row, Item, P extends Position>(
  c: Context<AppEnv>,
  { name, query, owner, filter = {}, read, positionOf, itemOf }: ListOf<Row, Item, P>,
): Promise<Result<Page<Item>, Refusal>> {
  const keys = c.var.config.refreshKeys;
  const binding = JSON.stringify([name, owner ?? c.var.caller.partner, canonical(filter)]);
  const after = query.cursor === undefined ? null : await openCursor<P>(keys, binding, query.cursor);
  if (after === undefined) return err(invalidField("/cursor", "Not a cursor of this list with this filter."));
  // One row more than asked tells whether there is a next page.
  const rows = await read({ after, take: query.limit + 1 });
  const shown = rows.slice(0, query.limit);
  const last = shown.at(-1);
  const hasMore = rows.length > shown.length && last !== undefined;
  return ok({
    items: shown.map((row) => itemOf(row)),
    nextCursor: hasMore ? await sealCursor(keys, binding, positionOf(last)) : null,
  });
}

const canonical = (filter: NonNullable<ListOf<never, never, never>["filter"]>) =>
  Object.entries(filter)
    .filter(([, value]) => value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));

async function sealCursor(keys: readonly SecretKey[], binding: string, position: Position): Promise<string> {
  const [newest] = keys;
  if (!newest) throw new Error("no refresh key is configured");
  const text = toBase64Url(new TextEncoder().encode(JSON.stringify(position)));
  return `${text}.${toBase64Url(await mac(newest, binding, text))}`;
}

/** The position inside, or undefined: forged, altered, or given out for another list, caller or filter. */
async function openCursor<P extends Position>(
  keys: readonly SecretKey[],
  binding: string,
  cursor: string,
): Promise<P | undefined> {
  const [text = "", tag = "", ...rest] = cursor.split(".");
  const position = fromBase64Url(text);
  const given = fromBase64Url(tag);
  if (rest.length > 0 || !position || given?.length !== MAC_BYTES) return undefined;
  for (const key of keys) {
    // What carries our MAC was written by `sealCursor` for this very list, so its shape needs no second check.
    if (crypto.subtle.timingSafeEqual(given, await mac(key, binding, text)))
      return JSON.parse(new TextDecoder().decode(position)) as P;
  }
  return undefined;
}

const derived = new WeakMap<SecretKey, CryptoKey>();

/** A key of its own, derived from the refresh key, so that no cursor can ever pass as a token or the reverse. */
async function cursorKey(key: SecretKey): Promise<CryptoKey> {
  const kept = derived.get(key);
  if (kept) return kept;
  const own = await hmacKey(await hmac(await hmacKey(key.bytes), KEY_LABEL));
  derived.set(key, own);
  return own;
}

async function mac(key: SecretKey, binding: string, text: string): Promise<Uint8Array> {
  const tag = await hmac(await cursorKey(key), JSON.stringify([binding, text]));
  return tag.subarray(0, MAC_BYTES);
}
