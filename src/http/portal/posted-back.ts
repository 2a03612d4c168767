/**
 * A payment provider's cross-site POST back into the portal. Browsers keep the session's cookie from it, and nothing is
 * done in its name; a page of ours then goes on by GET. The fields of its form come along in the query: whoever can
 * make a browser POST them could as well have linked there.
 */
import type { Context } from "hono";
import type { AppEnv } from "../context.ts";
import { readBytes } from "../middleware/body.ts";

const MAX_FORM_BYTES = 16 * 1024;
const MAX_ADDRESS_LENGTH = 6000;

/** The path on this host to go on to. */
export async function postedBackTo(c: Context<AppEnv>, target: URL): Promise<string> {
  const here = `${target.pathname}${target.search}`;
  const isForm = /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(c.req.header("Content-Type") ?? "");
  const body = isForm ? await readBytes(c, MAX_FORM_BYTES) : undefined;
  if (!body?.ok) return here;
  const fields = new URLSearchParams(new TextDecoder().decode(body.value)).toString();
  const address = fields === "" ? here : `${here}${target.search === "" ? "?" : "&"}${fields}`;
  return address.length <= MAX_ADDRESS_LENGTH ? address : here;
}
