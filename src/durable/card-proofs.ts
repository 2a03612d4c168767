/**
 * Proofs of possession that changed something at this card: each counts once. Kept as long as their age would let them
 * pass; so few at a time that a thief with a key cannot fill the card.
 */
import type { PresentedProof } from "../domain/card-calls.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import { SECOND_MS } from "../domain/time.ts";
import type { Row } from "./rows.ts";

/** Longer than a proof lives by the Worker's clock; the card's may be ahead of that, never behind. */
const KEPT_MS = 120 * SECOND_MS;
const MOST_KEPT = 100;

export class CardProofs {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** null = the proof is of the registered key and was not used before. The same request sent twice is one use. */
  refusal(publicKey: string, proof: PresentedProof | null, nowMs: number): Refusal | null {
    if (proof === null) return refuse("invalid_dpop_proof", "This device registered a key: send a DPoP proof by it.");
    if (proof.publicKey !== publicKey)
      return refuse("invalid_dpop_proof", "The proof is by another key than the device registered.");
    this.#sql.exec("DELETE FROM proofs WHERE ends_at_ms <= ?", nowMs);
    const [seen] = this.#sql.exec<Row>("SELECT request FROM proofs WHERE jti = ?", proof.jti).toArray();
    if (seen)
      return seen["request"] === proof.request ? null : refuse("invalid_dpop_proof", "The proof was used before.");
    const { kept } = this.#sql.exec<{ kept: number }>("SELECT count(*) AS kept FROM proofs").one();
    if (kept >= MOST_KEPT) return { code: "too_many_attempts", retryAfterSeconds: KEPT_MS / SECOND_MS };
    this.#sql.exec(
      "INSERT INTO proofs (jti, request, ends_at_ms) VALUES (?, ?, ?)",
      proof.jti,
      proof.request,
      nowMs + KEPT_MS,
    );
    return null;
  }
}
