/** What the runtime's processes use, as Linux tells it in /proc; null on other systems. */
import { readFile } from "node:fs/promises";

const KIB_PER_MIB = 1024;
/** The unit of times in /proc, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Resident memory of all of them together. */
export const residentMib = (pids: readonly number[]): Promise<number | null> =>
  sumOf(pids, "status", (text) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / KIB_PER_MIB);

/** CPU seconds they have used so far, user and system. */
export const cpuSeconds = (pids: readonly number[]): Promise<number | null> =>
  sumOf(pids, "stat", (text) => {
    // The name in brackets may hold anything; behind it, user and system time are the 12th and 13th field.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  });

async function sumOf(pids: readonly number[], file: string, read: (text: string) => number): Promise<number | null> {
  const values = await Promise.all(
    pids.map(async (pid) => read(await readFile(`/proc/${pid}/${file}`, "utf8").catch(() => ""))),
  );
  const sum = values.reduce((total, value) => total + value, 0);
  return Number.isNaN(sum) || values.length === 0 ? null : sum;
}
