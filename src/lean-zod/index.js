/** Stands in for `zod` in the bundle (`alias` in wrangler.toml). */
import * as z from "./external.js";

export * from "./external.js";
export { z, z as default };
