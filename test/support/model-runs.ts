/** How much the model tests run: as much as a change needs, or a multiple of it (`npm run test:soak`); and the seed. */
import { inject } from "vitest";

declare module "vitest" {
  export interface ProvidedContext {
    modelScale: number;
    modelSeed: number;
  }
}

/** As many runs as that, times the scale. */
export const runs = (atScaleOne: number): number => Math.max(1, Math.ceil(atScaleOne * inject("modelScale")));

/** Said before the first run, so that even a run that hangs or is killed can be repeated: MODEL_SEED=<seed>. */
export function announcedSeed(name: string, count: number): number {
  const seed = inject("modelSeed");
  console.info(`${name}: ${count} runs, MODEL_SEED=${seed}`);
  return seed;
}

/** Looking for mutants only asks whether there is a counterexample, not for the smallest. */
export const endOnFailure = (): boolean => inject("modelScale") < 1;
