export async function consumeCardEvents(batch: MessageBatch<unknown>, _env: Env): Promise<void> {
  batch.ackAll();
}
