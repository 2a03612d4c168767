/** How late the slow bindings answer and what of them is counted; shared by the Worker that has them and who asks it. */

/** Round trips as seen from far away; the goals are made of these. */
export const DELAYS_MS = { object: 40, kv: 10, d1: 80 } as const;

/** Calls that were begun. KV writes are apart: they follow the answer. */
export type Calls = { object: number; kvGet: number; kvPut: number; d1: number };
