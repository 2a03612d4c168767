/** Entry: what the platform calls. No logic. */
import { createApp } from "./app.ts";
import { consumeCardEvents } from "./queue/card-events.ts";
import { onSchedule } from "./queue/schedule.ts";

export { CardAccount } from "./durable/card-account.ts";

const app = createApp();

export default {
  fetch: app.fetch,
  queue: consumeCardEvents,
  scheduled: onSchedule,
} satisfies ExportedHandler<Env>;
