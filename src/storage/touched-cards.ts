/** Which cards somebody has touched, by the projection: it lags some seconds behind the cards themselves. */
import { and, between, eq } from "drizzle-orm";
import type { Database } from "./database.ts";
import { cards } from "./schema.ts";

/** Card numbers of the range, inclusive; asks the primary, where the projection is written. */
export async function readTouchedCards(
  db: Database,
  { batch, from, to }: { readonly batch: number; readonly from: number; readonly to: number },
): Promise<ReadonlySet<number>> {
  const rows = await db.read("touched cards", (q) =>
    q
      .select({ card: cards.card })
      .from(cards)
      .where(and(eq(cards.batch, batch), between(cards.card, from, to))),
  );
  return new Set(rows.map(({ card }) => card));
}
