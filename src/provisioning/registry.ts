/** The softphone formats, by the name that stands in their addresses. The order is part of device addresses: add at the end. */
import { acrobits } from "./acrobits.ts";
import { bria } from "./bria.ts";
import { grandstream } from "./grandstream.ts";
import { linphone } from "./linphone.ts";
import { sessionTalk } from "./session-talk.ts";
import type { SoftphoneFormat } from "./softphone.ts";
import { jssip, sipJs } from "./web.ts";
import { zoiper } from "./zoiper.ts";

export const FORMATS = {
  linphone,
  acrobits,
  sessiontalk: sessionTalk,
  zoiper,
  bria,
  grandstream,
  jssip,
  sipjs: sipJs,
} as const satisfies Readonly<Record<string, SoftphoneFormat>>;

export type FormatId = keyof typeof FORMATS;
export const FORMAT_IDS = Object.keys(FORMATS) as [FormatId, ...FormatId[]];

export const isFormatId = (text: string): text is FormatId => Object.hasOwn(FORMATS, text);
