/** Where the walk over touched cards has got to. In KV: a stale or lost position only repeats cards. */
import { KV_LIMIT_MS, withTimeLimit } from "./unavailable.ts";

const KEY = "reconcile/1/after";

export type CardPosition = readonly [batch: number, card: number];

export type ReconcileCursor = {
  /** null = from the first card. */
  read(): Promise<CardPosition | null>;
  write(after: CardPosition | null): Promise<void>;
};

export const createReconcileCursor = (kv: KVNamespace): ReconcileCursor => ({
  read: async () => withTimeLimit("KV get", KV_LIMIT_MS, kv.get<CardPosition>(KEY, "json")),
  write: async (after) => withTimeLimit("KV put", KV_LIMIT_MS, kv.put(KEY, JSON.stringify(after))),
});
