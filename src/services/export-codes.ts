/**
 * Code sheets: sealed row by row while the reader takes them, so a million codes need no more memory than one chunk.
 * Codes exist here only on their way out: nothing of them is stored or logged.
 */
import { sealCode, type CodeKey } from "../domain/code/seal.ts";
import type { CodeFormat } from "../domain/code/read.ts";
import type { SheetWriter } from "../domain/code-sheet.ts";
import { formatSerial } from "../domain/serial.ts";

export const MAX_SHEET_ROWS = 1_000_000;

const CHUNK_CHARACTERS = 64 * 1024;
/** Card numbers looked up at a time; at most as many rows come back. */
const WINDOW_CARDS = 10_000;

export type Sheet = {
  readonly batch: number;
  readonly format: CodeFormat;
  readonly key: CodeKey;
  /** Card numbers, inclusive. */
  readonly from: number;
  readonly to: number;
  readonly linkBase: string;
  readonly writer: SheetWriter;
};

type Deps = {
  /** Cards of a range to leave out, at most as many as the range is long. */
  readonly omitted: (from: number, to: number) => Promise<ReadonlySet<number>>;
};

/**
 * The sheet as a stream. The first window is looked up before, so a database that is down refuses the request
 * instead of cutting the answer short; later failures break the stream off, and `from` resumes it.
 */
export async function streamSheet(deps: Deps, sheet: Sheet): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  const rows = new SheetRows(deps, sheet);
  await rows.look();
  let text = sheet.writer.head;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (text.length < CHUNK_CHARACTERS && !rows.isDone) {
          if (rows.needsLook) await rows.look();
          text += rows.next();
        }
        if (rows.isDone) text += sheet.writer.tail;
        if (text !== "") controller.enqueue(encoder.encode(text));
        text = "";
        if (rows.isDone) controller.close();
      },
    },
    // Nothing is sealed before somebody reads.
    { highWaterMark: 0 },
  );
}

class SheetRows {
  readonly #deps: Deps;
  readonly #sheet: Sheet;
  #card: number;
  #lookedTo: number;
  #omitted: ReadonlySet<number> = new Set();
  #isFirst = true;

  constructor(deps: Deps, sheet: Sheet) {
    this.#deps = deps;
    this.#sheet = sheet;
    this.#card = sheet.from;
    this.#lookedTo = sheet.from - 1;
  }

  get isDone(): boolean {
    return this.#card > this.#sheet.to;
  }

  get needsLook(): boolean {
    return this.#card > this.#lookedTo;
  }

  async look(): Promise<void> {
    this.#lookedTo = Math.min(this.#sheet.to, this.#card + WINDOW_CARDS - 1);
    this.#omitted = await this.#deps.omitted(this.#card, this.#lookedTo);
  }

  /** The next card's row; empty when it is left out. */
  next(): string {
    const { batch, format, key, linkBase, writer } = this.#sheet;
    const card = this.#card;
    this.#card += 1;
    if (this.#omitted.has(card)) return "";
    const code = sealCode({ format, key, batch, card });
    const row = writer.row({ serial: formatSerial({ batch, card }), code, link: `${linkBase}${code}` }, this.#isFirst);
    this.#isFirst = false;
    return row;
  }
}
