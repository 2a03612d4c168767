import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Product, startProduct } from "./product.ts";
import { clipboardText, openBrowser, visit } from "./visitor.ts";

let product: Product;
let browser: Browser;
let taken = 0;
const freshCode = (): string => product.codes[taken++] ?? "";
const go = (options?: Parameters<typeof visit>[2]) => visit(browser, product.url, options);
const BALANCE = '[data-role="available"]';

beforeAll(async () => {
  product = await startProduct();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await product?.stop();
});

/** A well-formed code with one symbol changed. */
const mistyped = (code: string) => `${code.slice(0, -1)}${code.endsWith("7") ? "8" : "7"}`;

describe("typing a code", () => {
  it("groups it, marks wrong characters at once, and says a wrong check symbol at the end", async () => {
    const { page, requests, look, leave } = await go();
    await page.goto(product.url);
    const field = page.getByLabel("Card code");
    const message = page.locator("#code-message");
    await look("empty");
    await field.pressSequentially("7k3mu9");
    expect(await field.inputValue()).toBe("7K3M-U9");
    expect(await field.getAttribute("aria-invalid")).toBe("true");
    expect(await message.textContent()).toContain("Character 5, “U”");
    expect(await page.locator("mark").allTextContents()).toEqual(["U"]);
    await look("wrong-character");

    const code = freshCode();
    await field.fill("");
    await field.pressSequentially(mistyped(code).slice(0, -1).replaceAll("-", "").toLowerCase());
    expect(await field.getAttribute("aria-invalid")).toBeNull();
    await field.pressSequentially(mistyped(code).slice(-1));
    expect(await message.textContent()).toContain("typing mistake");
    await page.getByRole("button", { name: "Set up this card" }).click();
    expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
    await look("mistyped");
    expect(requests.filter(({ url }) => url.includes("/v1/"))).toEqual([]);
    await leave();
  });

  it("takes a pasted code with any spacing, and a whole link", async () => {
    const { page, leave } = await go();
    await page.goto(product.url);
    const code = freshCode();
    const field = page.getByLabel("Card code");
    for (const text of [` ${code.replaceAll("-", " \u2013 ")}\u00A0`, `${product.url}/r#${code}`]) {
      await field.fill("");
      await page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
      await field.press("Control+V");
      expect(await field.inputValue()).toBe(code);
    }
    await leave();
  });
});

describe("a card", () => {
  it("is set up, stays over a reload, is refused elsewhere, and is signed out", async () => {
    const code = freshCode();
    const { page, requests, look, leave } = await go();
    await page.goto(`${product.url}/#${code}`);
    expect(page.url()).toBe(`${product.url}/`);
    expect(await page.getByLabel("Card code").inputValue()).toBe(code);
    await page.getByRole("button", { name: "Set up this card" }).dblclick();
    await page.locator(BALANCE).waitFor();
    expect(await page.locator(BALANCE).textContent()).toBe("€10.00");
    const brand = await page.locator("#brand").textContent();
    expect(brand).not.toBe("");
    const primary = await page.evaluate(() => document.documentElement.style.getPropertyValue("--light-primary"));
    expect(primary).toMatch(/^#[0-9A-Fa-f]{6}$/);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Your card");
    await look("card");

    await page.getByRole("button", { name: "Copy: Username" }).click();
    await page.getByText("Copied: Username").waitFor({ state: "attached" });
    expect(await clipboardText(page)).toMatch(/^\d{6}-\d{7}\.1$/);
    await page.getByRole("button", { name: "Copy: Password" }).click();
    await page.getByText("Copied: Password").waitFor({ state: "attached" });
    const password = await clipboardText(page);
    expect(await page.getByText(password).count()).toBe(0);
    await page.getByRole("button", { name: "Show: Password" }).click();
    expect(await page.getByText(password).count()).toBe(1);
    await page.getByRole("button", { name: "New login" }).click();
    await page.getByText("There is a new login").waitFor({ state: "attached" });

    await page.reload();
    await page.locator(BALANCE).waitFor();
    expect(await page.locator("#brand").textContent()).toBe(brand);
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByText("Credit: €10.00").waitFor({ state: "attached" });

    const other = await go();
    await other.page.goto(`${product.url}/#${code}`);
    await other.page.getByRole("button", { name: "Set up this card" }).click();
    await other.page.getByRole("alert").filter({ hasText: "set up on another device" }).waitFor();
    await other.look("in-use");
    await other.leave();

    await page.getByRole("button", { name: "Sign out" }).click();
    await look("sign-out");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out").waitFor();
    await look("signed-out");
    await page.reload();
    expect(await page.getByLabel("Card code").inputValue()).toBe("");

    expect(requests.filter(({ url }) => url.endsWith("/v1/redeem"))).toHaveLength(1);
    expect(requests.filter(({ url }) => url.includes(code) || url.includes(encodeURIComponent(code)))).toEqual([]);
    await leave();
  });

  it("moves by itself when the service says so, also after a reload, and says why it is blocked", async () => {
    const { page, leave } = await go();
    await page.goto(`${product.url}/#${freshCode()}`);
    await page.getByRole("button", { name: "Set up this card" }).click();
    await page.locator(BALANCE).waitFor();
    const serial =
      (await page
        .getByText(/^\d{6}-\d{7}$/)
        .first()
        .textContent()) ?? "";
    const operator = async (method: string, path: string, body: object) => {
      const headers = { Authorization: `Bearer ${product.adminKey}`, "Content-Type": "application/json" };
      const answer = await fetch(`${product.url}/v1/cards/${serial}${path}`, {
        method,
        headers,
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(200);
    };
    const credit = (id: string) =>
      operator("PUT", `/credits/${id}`, { amount: "1.00", currency: "EUR", source: "goodwill" });
    await credit("c1");
    await page.locator(BALANCE).getByText("€11.00").waitFor({ timeout: 2000 });
    await page.reload();
    await page.locator(BALANCE).waitFor();
    await credit("c2");
    await page.locator(BALANCE).getByText("€12.00").waitFor({ timeout: 2000 });
    await operator("PATCH", "", { action: "block", reason: "test" });
    await page.getByRole("alert").getByText("The card is blocked").waitFor({ timeout: 3000 });
    await page.locator(BALANCE).waitFor();
    await operator("PATCH", "", { action: "unblock", reason: "test" });
    await page.getByRole("alert").getByText("The card is blocked").waitFor({ state: "detached", timeout: 3000 });
    await leave();
  });

  it("says so and asks for the code when its session is no longer accepted", async () => {
    const { page, leave } = await go();
    await page.goto(product.url);
    await page.evaluate(() => {
      localStorage.setItem("ringfare.session", JSON.stringify({ v: 1, refreshToken: "not-a-token-of-this-service" }));
    });
    await page.reload();
    await page.getByText("This device is no longer signed in").waitFor();
    expect(await page.getByLabel("Card code").isVisible()).toBe(true);
    await leave();
  });

  it("is set up and signed out with the keyboard only", async () => {
    const { page, leave } = await go({ viewport: { width: 1280, height: 800 } });
    await page.goto(product.url);
    await page.keyboard.press("Tab");
    await page.keyboard.type(freshCode().replaceAll("-", ""));
    await page.keyboard.press("Enter");
    await page.locator(BALANCE).waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
    for (let tabs = 0; tabs < 30 && (await focused()) !== "Sign out"; tabs++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await focused()).toBe("Stay signed in");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("You are signed out").waitFor();
    await leave();
  });

  it("can wait for the network", async () => {
    const { page, look, leave } = await go();
    await page.goto(product.url);
    await page.getByLabel("Card code").fill(freshCode());
    await page.context().setOffline(true);
    await page.getByRole("button", { name: "Set up this card" }).click();
    await page.getByRole("alert").filter({ hasText: "You are offline" }).waitFor();
    await look("offline");
    await page.context().setOffline(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(BALANCE).waitFor();
    await leave();
  });
});

describe("every width, scheme and direction", () => {
  const looks = [360, 768, 1280].flatMap((width) =>
    (["light", "dark"] as const).flatMap((colorScheme) =>
      ([undefined, "rtl"] as const).map((direction) => ({ width, colorScheme, direction })),
    ),
  );
  it("shows every page without a violation", async () => {
    const code = freshCode();
    let storage:
      | Awaited<ReturnType<ReturnType<Awaited<ReturnType<typeof go>>["page"]["context"]>["storageState"]>>
      | undefined;
    for (const { width, colorScheme, direction } of looks) {
      const viewport = { width, height: 800 };
      const options = {
        viewport,
        colorScheme,
        ...(direction && { direction }),
        ...(storage && { storageState: storage }),
      };
      const { page, look, leave } = await go(options);
      for (const [name, path] of [
        ["landing", `/r#${code}`],
        ["landing-empty", "/r"],
        ["problem", "/problems/card-in-use"],
        ["problems", "/problems"],
      ] as const) {
        await page.goto("about:blank");
        await page.goto(`${product.url}${path}`);
        await look(name);
      }
      await page.goto(product.url);
      if (!storage) {
        await page.getByLabel("Card code").fill(code);
        await page.getByRole("button", { name: "Set up this card" }).click();
      }
      await page.locator(BALANCE).waitFor();
      await look("card");
      await page.getByRole("button", { name: "Enter another code" }).click();
      await look("another");
      storage = await page.context().storageState();
      await leave();
    }
  });
});

describe("the API reference", () => {
  it("shows the operations without asking anybody else", async () => {
    const { page, leave } = await go({ viewport: { width: 1280, height: 800 } });
    await page.goto(`${product.url}/docs`);
    await page.locator(".opblock").first().waitFor();
    await leave();
  });
});
