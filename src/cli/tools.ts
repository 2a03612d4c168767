/** What every command here shares: refusals with a way on, quiet child processes, the project's root. */
import { spawn } from "node:child_process";
import path from "node:path";

export const PROJECT_ROOT = path.resolve(import.meta.dirname, "../..");

/** A refusal the user can act on: printed without a stack, `wayOn` below it. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly wayOn: string;
  constructor(message: string, wayOn: string) {
    super(message);
    this.wayOn = wayOn;
  }
}

/** No banner, no telemetry, no update or colo look-up: nothing leaves the machine unless the command is about that. */
export const QUIET_ENV: Readonly<Record<string, string>> = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CI: "1",
};

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

type RunOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly signal?: AbortSignal;
};

/** Runs a child in this process group and collects what it says; a child that cannot start answers code -1. */
export function run(executable: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(executable, args, {
      cwd: options.cwd ?? PROJECT_ROOT,
      env: { ...process.env, ...QUIET_ENV, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.signal && { signal: options.signal, killSignal: "SIGKILL" }),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", (error) => resolve({ code: -1, stdout, stderr: `${stderr}${error.message}` }));
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
    child.stdin.on("error", () => undefined); // a child that left early; its exit code tells
    child.stdin.end(options.input ?? "");
  });
}

/** A package's own command, run by this very Node and from this checkout. */
export const runPackage = (script: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run(process.execPath, ["--no-warnings", path.join(PROJECT_ROOT, "node_modules", script), ...args], options);

export const runWrangler = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  runPackage("wrangler/wrangler-dist/cli.js", args, options);

/** Everything a failed child said, for a message. */
export const outputOf = ({ stdout, stderr }: Ran): string => `${stdout}${stderr}`.trim();

/** Runs a command's `main`; refusals become two lines and exit code 1. */
export async function command(main: () => Promise<number>): Promise<void> {
  // A reader that went away (a closed terminal, `| head`) must not bring the command down half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  try {
    process.exitCode = await main();
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`${describeFailure(error)}\n`);
  }
}

function describeFailure(error: unknown): string {
  if (error instanceof CliError) return `\n${error.message}\n${error.wayOn}`;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION" || code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") {
    return `\n${(error as Error).message}`;
  }
  return `\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
