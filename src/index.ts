/** Entry: what the platform calls. No logic. */
import { createApp } from "./app.ts";
import { consume } from "./queue/consume.ts";
import { onSchedule } from "./queue/schedule.ts";

export { CardAccount } from "./durable/card-account.ts";

const app = createApp();

export default {
  fetch: app.fetch,
  queue: consume,
  scheduled: onSchedule,
} satisfies ExportedHandler<Env>;
