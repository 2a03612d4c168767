/** What a card's object stored, held against its model and against the promises that need no model. */
import { availableOf, heldOf } from "../../support/card-model.ts";
import { equal } from "../../support/equal.ts";
import type { ObjectModel } from "../../support/object-model.ts";
import type { Stored } from "./card-under-test.ts";

/** The first thing about what is stored that the model or a promise contradicts. */
export function difference(stored: Stored, model: ObjectModel): string | null {
  const { card } = model;
  if (!stored) return model.touched ? "nothing is stored" : null;
  const TERMS = ["credits", "debt", "available", "held", "spent", "reversed", "expired", "shortfall"] as const;
  for (const term of TERMS) {
    const expected = term === "available" ? availableOf(card) : term === "held" ? heldOf(card) : card[term];
    if (stored.card[term] !== expected) return `${term} is ${stored.card[term]}, not ${expected}`;
  }
  if (stored.card["expires_at_ms"] !== card.endsAtMs) return `the end is ${stored.card["expires_at_ms"]}`;
  if (stored.outcomes !== Object.keys(model.pinned).length) return `${stored.outcomes} outcomes are kept`;
  if (stored.holds.length !== Object.keys(card.holds).length) return `${stored.holds.length} holds are kept`;
  for (const row of stored.holds) {
    const { state, amount, sequence, charged, released, shortfall, endsAtMs } = card.holds[String(row["id"])] ?? {};
    const expected = [state, amount, sequence, charged, released, shortfall, endsAtMs];
    const columns = ["state", "amount", "sequence", "charged", "released", "shortfall", "expires_at_ms"];
    const actual = columns.map((column) => row[column]);
    if (!equal(actual, expected))
      return `hold ${row["id"]} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`;
  }
  const openAmounts = (JSON.parse(String(stored.card["open_holds"])) as { amountMicros: number }[]).map(
    (open) => open.amountMicros,
  );
  if (openAmounts.reduce((sum, amount) => sum + amount, 0) !== heldOf(card))
    return "L3 held is not the sum of open holds";
  return replay(stored, model);
}

/** L3: replaying the postings from the first gives every balance on the way and the stored ones at the end. */
function replay({ card, postings }: NonNullable<Stored>, model: ObjectModel): string | null {
  if (postings.length !== model.card.lines.length) return `${postings.length} postings, not ${model.card.lines.length}`;
  let available = 0;
  let shortfall = 0;
  for (const [index, posting] of postings.entries()) {
    available += Number(posting["amount_micros"]);
    shortfall += Number(posting["shortfall_micros"]);
    if (posting["seq"] !== index + 1) return `posting ${index + 1} has number ${posting["seq"]}`;
    if (posting["available_micros"] !== available) return `posting ${index + 1} does not replay`;
  }
  if (available !== card["available"]) return "L3 the postings replay to another balance";
  if (shortfall !== card["shortfall"]) return "L12 the postings' shortfalls are another sum";
  const last = postings.at(-1);
  return last && last["held_micros"] !== card["held"] ? "L3 the last posting says another held" : null;
}
