/** Server-Timing: the steps of one request. The platform's clock moves with I/O only, so CPU time shows as zero. */
export type Timings = { mark(step: string): void; header(): string };

export function startTimings(): Timings {
  const startedMs = Date.now();
  let lastMs = startedMs;
  const steps: string[] = [];
  return {
    mark(step) {
      const nowMs = Date.now();
      steps.push(`${step};dur=${nowMs - lastMs}`);
      lastMs = nowMs;
    },
    header: () => [...steps, `total;dur=${Date.now() - startedMs}`].join(", "),
  };
}
