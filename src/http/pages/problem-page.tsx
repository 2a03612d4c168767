/** Pages that explain refusals. Static by content: nothing of the request is shown but the slug it matched. */
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import { PROBLEMS, type ProblemCode, slugOf } from "../../domain/errors.ts";
import { MEANINGS } from "./problem-texts.ts";

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

function Layout({ title, children }: { readonly title: string; readonly children: Child }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title}</title>
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/build/base.css" />
      </head>
      <body>
        <div class="page wide">
          <main>{children}</main>
          <footer class="footer">
            <a href="/problems">All problems</a>
            <a href="/docs">API reference</a>
            <a href="/">Set up a card</a>
          </footer>
        </div>
      </body>
    </html>
  );
}

function ProblemPage({ code }: { readonly code: ProblemCode }) {
  const { title, status, next, retryable } = PROBLEMS[code];
  return (
    <Layout title={`${title} – Ringfare`}>
      <h1>{title}</h1>
      <p class="lead">{MEANINGS[code]}</p>
      <section class="panel stack" aria-labelledby="next">
        <h2 id="next">What to do</h2>
        <p>{next}</p>
        <p>
          {retryable
            ? "The same request may succeed later. Wait as long as the Retry-After header says."
            : "Repeating the request helps only after something has changed."}
        </p>
      </section>
      <section class="stack" aria-labelledby="developers">
        <h2 id="developers">For developers</h2>
        <dl class="facts">
          <dt>HTTP status</dt>
          <dd>{status}</dd>
          <dt>code</dt>
          <dd>
            <code>{code}</code>
          </dd>
          <dt>retryable</dt>
          <dd>
            <code>{String(retryable)}</code>
          </dd>
        </dl>
      </section>
    </Layout>
  );
}

/** Narrow columns break codes between words only. */
const breakable = (code: ProblemCode): Child =>
  code.split("_").flatMap((word, at) => (at > 0 ? ["_", <wbr />, word] : [word]));

function ProblemIndex() {
  return (
    <Layout title="Problems – Ringfare">
      <h1>Problems</h1>
      <p class="lead">
        Every refusal of the API is one of these (RFC 9457). The code never changes its meaning; the texts may be
        improved.
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Code</th>
            <th scope="col">Status</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {CODES.map((code) => (
            <tr>
              <td>
                <a href={`/problems/${slugOf(code)}`}>
                  <code>{breakable(code)}</code>
                </a>
              </td>
              <td>{PROBLEMS[code].status}</td>
              <td>{PROBLEMS[code].title}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Layout>
  );
}

const document = (page: Child) => html`<!doctype html>${page}`;

export const problemPage = (code: ProblemCode) => document(<ProblemPage code={code} />);
export const problemIndexPage = () => document(<ProblemIndex />);
