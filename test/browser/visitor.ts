/** One person's browser: keeps what went wrong on the page and where requests went, looks with axe and the camera. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { expect } from "vitest";

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Screenshots are kept when this names a folder. */
const pictures = process.env["RINGFARE_PICTURES"];

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS });

export type Visitor = {
  readonly page: Page;
  /** Addresses asked for so far. */
  readonly requests: { readonly method: string; readonly url: string }[];
  /** No accessibility violation, nothing cut off sideways; a picture if wanted. */
  readonly look: (name: string) => Promise<void>;
  /** Nothing went wrong in the page, nothing went elsewhere. Closes it. */
  readonly leave: () => Promise<void>;
};

export async function visit(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions & { readonly direction?: "rtl" } = {},
): Promise<Visitor> {
  const { direction, ...contextOptions } = options;
  const context = await browser.newContext({
    viewport: { width: 360, height: 780 },
    locale: "en-GB",
    timezoneId: "Europe/Paris",
    permissions: ["clipboard-read", "clipboard-write"],
    ...contextOptions,
  });
  const page = await context.newPage();
  if (direction === "rtl")
    await page.addInitScript(() => {
      document.addEventListener("DOMContentLoaded", () => {
        document.documentElement.dir = "rtl";
      });
    });
  const requests: Visitor["requests"] = [];
  const faults: string[] = [];
  page.on("request", (request) => requests.push({ method: request.method(), url: request.url() }));
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    // The browser itself notes every refusal of the service; those are expected and shown on the page.
    const isRefusal = message.text().startsWith("Failed to load resource") && message.location().url.includes("/v1/");
    if (["error", "warning"].includes(message.type()) && !isRefusal) faults.push(message.text());
  });
  return {
    page,
    requests,
    look: async (name) => {
      const width = page.viewportSize()?.width ?? 0;
      const file = `${name}-${width}-${contextOptions.colorScheme ?? "light"}${direction ? `-${direction}` : ""}.png`;
      if (pictures) await page.screenshot({ path: path.join(pictures, file), fullPage: true });
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `width of ${file}`).toBeLessThanOrEqual(
        width,
      );
      await page.evaluate(axe);
      expect(await page.evaluate(findViolations), `axe on ${file}`).toEqual([]);
    },
    leave: async () => {
      await context.close();
      expect(faults).toEqual([]);
      expect(requests.filter(({ url }) => new URL(url).origin !== origin)).toEqual([]);
    },
  };
}

/** The policy of our pages forbids reading the clipboard, so another document of the origin reads it. */
export async function clipboardText(page: Page): Promise<string> {
  const reader = await page.context().newPage();
  await reader.goto(new URL("/healthz", page.url()).href);
  await reader.bringToFront();
  const text = await reader.evaluate(() => navigator.clipboard.readText());
  await reader.close();
  await page.bringToFront();
  return text;
}

/** Runs in the page. */
async function findViolations(): Promise<string[]> {
  type Axe = { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
  const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
