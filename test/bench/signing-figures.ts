/** What each credential costs to make, in workerd, with the product's own code and keys. */
import { median } from "./load.ts";
import type { BenchPlatform } from "./platform.ts";
import { cpuSeconds } from "./processes.ts";

/** So many that ticks of ten milliseconds tell microseconds. */
const TIMES = 2000;

export type SigningFigure = { readonly what: string; readonly microseconds: number };

/** CPU of the runtime for a request that signs so many times, by their number: the median of the rounds. */
export async function measureSigning({ url, runtimePids }: BenchPlatform, rounds: number): Promise<SigningFigure[]> {
  const ask = async (what: string, times: number): Promise<string[]> => {
    const answer = await fetch(`${url}/bench/sign?what=${encodeURIComponent(what)}&times=${times}`);
    return (await answer.json()) as string[];
  };
  const cpu = async () => (await cpuSeconds(runtimePids)) ?? Number.NaN;
  const figures: SigningFigure[] = [];
  for (const what of await ask("", 0)) {
    await ask(what, TIMES);
    const runs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = await cpu();
      await ask(what, TIMES);
      runs.push((((await cpu()) - before) * 1_000_000) / TIMES);
    }
    figures.push({ what, microseconds: median(runs) });
  }
  return figures;
}
