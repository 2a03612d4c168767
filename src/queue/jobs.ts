/** Messages that say whose turn it is: one slice of work each. A slice that fails comes again and brings no other message along. */
import { z } from "zod";
import { cardActionSlice } from "../services/card-actions.ts";
import type { CardActionMessage, JobMessage, SweepMessage } from "../services/jobs.ts";
import type { Services } from "../services/services.ts";
import { sweepSlice, type CallCard } from "../services/sweep.ts";

const number = z.number().int();
export const sweepSchema = z.object({ type: z.literal("sweep"), batch: number }) satisfies z.ZodType<SweepMessage>;
export const cardActionSchema = z.object({
  type: z.literal("card_action"),
  number,
}) satisfies z.ZodType<CardActionMessage>;

export type Job = { readonly message: Message; readonly job: JobMessage };

export async function runJobs(services: Services, jobs: readonly Job[]): Promise<void> {
  const callCard: CallCard = (call, use) => services.cards.call(call, use);
  for (const { message, job } of jobs) {
    try {
      if (job.type === "sweep") await sweepSlice({ ...services, callCard }, job.batch);
      else await cardActionSlice({ ...services, callCard }, job.number);
    } catch (error) {
      console.error(JSON.stringify({ event: "job_failed", ...job, attempts: message.attempts, error: String(error) }));
      message.retry();
    }
  }
}
