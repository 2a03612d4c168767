/** How softphones are answered: in their own form, refusals too, and a plain page for whoever is not one. */
import { html } from "hono/html";
import type { Context } from "hono";
import { readCode } from "../domain/code/read.ts";
import { PROBLEMS, type Refusal } from "../domain/errors.ts";
import { FORMATS, type FormatId } from "../provisioning/registry.ts";
import { accountOf, type Softphone } from "../services/softphones.ts";
import type { AppEnv } from "./context.ts";
import { pageHeaders } from "./pages/headers.ts";
import { problem } from "./problem.ts";

export async function accountAnswer(c: Context<AppEnv>, softphone: Softphone): Promise<Response> {
  const account = await accountOf(c.var.services, c.var.config.publicOrigin, softphone);
  if (!account.ok) return refusalAnswer(c, softphone.format, account.error);
  const { text, contentType } = FORMATS[softphone.format].render(account.value);
  return c.body(text, 200, { "Content-Type": contentType, "Cache-Control": "no-store" });
}

/** What a softphone shows to its user. Formats without a way to say it get the problem. */
export function refusalAnswer(c: Context<AppEnv>, format: FormatId, refusal: Refusal): Response {
  const { title, status, next } = PROBLEMS[refusal.code];
  const { failure } = FORMATS[format] as { failure?: (message: string) => Failure };
  const own = failure?.(`${title}. ${refusal.detail ?? next}`);
  if (!own) return problem(c, refusal);
  const headers: Record<string, string> = { "Content-Type": own.contentType, "Cache-Control": "no-store" };
  if (refusal.retryAfterSeconds !== undefined) headers["Retry-After"] = String(refusal.retryAfterSeconds);
  return c.body(own.text, own.status ?? (status as 404), headers);
}

type Failure = { readonly contentType: string; readonly text: string; readonly status?: 200 };

/** The same for every link, known or not: a preview learns nothing and uses nothing up. */
export const plainPage = (c: Context<AppEnv>, format: FormatId): Response | Promise<Response> =>
  c.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Set up ${FORMATS[format].name}</title>
          <meta name="robots" content="noindex" />
          <meta name="color-scheme" content="light dark" />
          <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
          <link rel="stylesheet" href="/build/base.css" />
        </head>
        <body>
          <div class="page">
            <main class="stack">
              <h1>Open this in ${FORMATS[format].name}</h1>
              <p class="lead">
                This address sets up ${FORMATS[format].name} with a calling card, and shows nothing in a browser.
              </p>
              <p>Scan it as a QR code, or paste it where ${FORMATS[format].name} asks for a provisioning address.</p>
            </main>
          </div>
        </body>
      </html>`,
    200,
    { ...pageHeaders(), "Cache-Control": "no-store" },
  );

/** A card's code in an address reaches logs and histories: refused without being looked at, with the right way. */
export function refuseCodeInGet(c: Context<AppEnv>, texts: readonly string[]): Response | undefined {
  if (!texts.some((text) => readCode(text).ok)) return undefined;
  const detail =
    "A card's code never goes into an address. Redeem it with POST /v1/redeem, or type it into an Acrobits login (POST /p/acrobits).";
  const answer = problem(c, { code: "method_not_allowed", detail });
  answer.headers.set("Allow", "POST");
  return answer;
}
