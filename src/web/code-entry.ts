/**
 * What the code field shows and says while somebody types. Pure.
 * The judgement is the server's own reading (`domain/code/read.ts`), so both agree on every character.
 */
import { readCode } from "../domain/code/read.ts";

const BASE32 = { symbols: 16, group: 4 };
const KEYPAD = { symbols: 18, group: 6 };
/** More letters than this among 18 characters mean a long letter code, not a keypad code with slips. */
const MAX_KEYPAD_SLIPS = 2;

/** Pasted text brings line breaks, dashes of all lengths and invisible characters; none of them carries meaning. */
const SEPARATOR = /[\s\p{Pd}\p{Cf}]/u;
const READ_AS: Readonly<Record<string, string>> = { O: "0", I: "1", L: "1" };

/** Only ASCII letters are raised: `toUpperCase` would turn other letters into ones that codes have. */
function shown(character: string): string {
  const raised = /^[a-z]$/.test(character) ? character.toUpperCase() : character;
  return READ_AS[raised] ?? raised;
}

/** The characters of the code. A whole pasted link counts from its `#` on. */
const charactersOf = (text: string): string[] =>
  Array.from(text.slice(text.lastIndexOf("#") + 1))
    .filter((character) => !SEPARATOR.test(character))
    .map(shown);

/** Digits alone are taken for a keypad code: among letter codes one in 300 starts with five digits. */
const shapeOf = (characters: readonly string[]) =>
  characters.some((character) => /^[A-Z]$/.test(character)) ? BASE32 : KEYPAD;

const joinGroups = (characters: readonly string[], group: number): string =>
  characters.map((character, index) => (index > 0 && index % group === 0 ? `-${character}` : character)).join("");

export type Entry = { readonly text: string; readonly caret: number };

/** Groups the text as cards print it, and keeps the caret behind the character it was behind. */
export function groupCode(text: string, caret: number = text.length): Entry {
  const characters = charactersOf(text);
  const { group } = shapeOf(characters);
  const grouped = joinGroups(characters, group);
  const isInLink = text.lastIndexOf("#") >= caret;
  const before = isInLink ? 0 : charactersOf(text.slice(0, caret)).length;
  return { text: grouped, caret: joinGroups(characters.slice(0, before), group).length };
}

type Marked = { readonly character: string; readonly place: number };

export type Judgement =
  | { readonly state: "empty" }
  | { readonly state: "typing"; readonly symbols: number; readonly needed: number }
  /** `positions`: UTF-16 positions in the text; `marked`: the same for people, counted from 1 without hyphens. */
  | { readonly state: "malformed"; readonly positions: readonly number[]; readonly marked: readonly Marked[] }
  | { readonly state: "too_long"; readonly symbols: number }
  | { readonly state: "mistyped" }
  | { readonly state: "complete" };

/** Judges grouped text. Sixteen digits that do not add up may be most of a keypad code, so nothing is said yet. */
export function judgeCode(text: string): Judgement {
  const characters = charactersOf(text);
  const symbols = characters.length;
  if (symbols === 0) return { state: "empty" };
  const shape = shapeOf(characters);
  const read = readCode(text);
  if (read.ok) return { state: "complete" };
  if (read.error.code === "check_failed")
    return symbols === shape.symbols ? { state: "mistyped" } : { state: "typing", symbols, needed: shape.symbols };
  const { positions } = read.error;
  const isLetterCode = shape === BASE32 && symbols === KEYPAD.symbols && positions.length > MAX_KEYPAD_SLIPS;
  if (positions.length > 0 && !isLetterCode)
    return { state: "malformed", positions, marked: positions.map((position) => markedAt(text, position)) };
  return symbols > shape.symbols ? { state: "too_long", symbols } : { state: "typing", symbols, needed: shape.symbols };
}

const markedAt = (text: string, position: number): Marked => ({
  character: String.fromCodePoint(text.codePointAt(position) ?? 0),
  place: charactersOf(text.slice(0, position)).length + 1,
});

/** At submit an unfinished code is a mistake too. */
export function judgeAtSubmit(text: string): Judgement {
  const judgement = judgeCode(text);
  const couldBeLetterCode = judgement.state === "typing" && judgement.symbols === BASE32.symbols;
  return couldBeLetterCode ? { state: "mistyped" } : judgement;
}

/** The text in pieces, wrong characters apart, for showing them marked. */
export function markPieces(text: string, positions: readonly number[]): { text: string; isWrong: boolean }[] {
  const pieces: { text: string; isWrong: boolean }[] = [];
  const wrong = new Set(positions);
  let position = 0;
  for (const character of text) {
    const isWrong = wrong.has(position);
    const last = pieces.at(-1);
    if (last && last.isWrong === isWrong) last.text += character;
    else pieces.push({ text: character, isWrong });
    position += character.length;
  }
  return pieces;
}

/** The code of a link's fragment, grouped; empty without one. Fragments reach no server and no log. */
export function codeOfFragment(hash: string): string {
  const raw = hash.replace(/^#/, "").slice(0, 256);
  try {
    return groupCode(decodeURIComponent(raw)).text;
  } catch {
    return groupCode(raw).text;
  }
}
