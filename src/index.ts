/** Entry: what the platform calls. No logic. */
import { createApp } from "./app.ts";
import { consumeCardEvents } from "./queue/card-events.ts";

export { CardAccount } from "./durable/card-account.ts";

const app = createApp();

export default {
  fetch: app.fetch,
  queue: consumeCardEvents,
} satisfies ExportedHandler<Env>;
