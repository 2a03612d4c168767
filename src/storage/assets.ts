/** Brand assets in KV under the hash of their content: what is there never changes, so it may be kept for ever. */
import { sha256Hex } from "../auth/sha256.ts";
import type { CleanImage } from "../domain/image.ts";
import { KV_LIMIT_MS, withTimeLimit } from "./unavailable.ts";

/** A miss is kept as long as a hit, so this stays short: an asset may be asked for right after its upload. */
const EDGE_TTL_SECONDS = 60;
/** Half a megabyte may take longer than a small copy. */
const PUT_LIMIT_MS = 10 * KV_LIMIT_MS;

const keyOf = (asset: string): string => `asset/${asset}`;

/** The asset's name: `<sha256 hex>.<extension>`. */
export async function putAsset(kv: KVNamespace, { bytes, extension }: CleanImage): Promise<string> {
  const asset = `${await sha256Hex(bytes)}.${extension}`;
  await withTimeLimit("KV put asset", PUT_LIMIT_MS, kv.put(keyOf(asset), bytes));
  return asset;
}

export const findAsset = (kv: KVNamespace, asset: string): Promise<ArrayBuffer | null> =>
  withTimeLimit(
    "KV get asset",
    PUT_LIMIT_MS,
    kv.get(keyOf(asset), { type: "arrayBuffer", cacheTtl: EDGE_TTL_SECONDS }),
  );
