/**
 * Work that goes on after the answer, in slices: a message says only whose turn it is, where it stands is in D1.
 * So a message may come twice, late or never: the schedule sends for what is due and was not done.
 */
import { SECOND_MS } from "../domain/time.ts";

export type SweepMessage = { readonly type: "sweep"; readonly batch: number };

export type CardActionMessage = { readonly type: "card_action"; readonly number: number };
export type JobMessage = SweepMessage | CardActionMessage;

export type Jobs = {
  /** The next slice of a batch's sweep, after a delay. */
  readonly sweep: (batch: number, delayMs?: number) => Promise<void>;
  /** The next slice of a bulk action, by its number. */
  readonly cardAction: (number: number, delayMs?: number) => Promise<void>;
};

/** The queue's own limit. */
const LONGEST_DELAY_SECONDS = 43_200;

/** A queue that does not take a message delays the work until the schedule sends for it, and fails no request. */
export function createJobs(queue: Queue): Jobs {
  const send = async (message: JobMessage, delayMs: number): Promise<void> => {
    const delaySeconds = Math.min(LONGEST_DELAY_SECONDS, Math.ceil(delayMs / SECOND_MS));
    try {
      await queue.send(message, { delaySeconds });
    } catch (error) {
      console.error(JSON.stringify({ event: "job_delayed", ...message, error: String(error) }));
    }
  };
  return {
    sweep: (batch, delayMs = 0) => send({ type: "sweep", batch }, delayMs),
    cardAction: (number, delayMs = 0) => send({ type: "card_action", number }, delayMs),
  };
}
