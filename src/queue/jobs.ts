/** Messages that say whose turn it is: one slice of work each. A slice that fails comes again and brings no other message along. */
import { z } from "zod";
import type { JobMessage } from "../services/jobs.ts";
import type { Services } from "../services/services.ts";
import { sweepSlice, type SweepDeps } from "../services/sweep.ts";

export const jobSchema = z.object({
  type: z.literal("sweep"),
  batch: z.number().int(),
}) satisfies z.ZodType<JobMessage>;

export type Job = { readonly message: Message; readonly job: JobMessage };

export async function runJobs(services: Services, jobs: readonly Job[]): Promise<void> {
  const deps: SweepDeps = { ...services, callCard: (call, use) => services.cards.call(call, use) };
  for (const { message, job } of jobs) {
    try {
      await sweepSlice(deps, job.batch);
    } catch (error) {
      console.error(JSON.stringify({ event: "job_failed", ...job, attempts: message.attempts, error: String(error) }));
      message.retry();
    }
  }
}
