import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkSymbol, type CodeFormat, formatCode, readCode } from "../../../src/domain/code/read.ts";
import { codeOfFragment, groupCode, judgeAtSubmit, judgeCode, markPieces } from "../../../src/web/code-entry.ts";

const withCheck = (format: CodeFormat, symbols: number[]) => [...symbols, checkSymbol(format, symbols)];
const CODE = formatCode("base32", withCheck("base32", [7, 3, 19, 16, 25, 10, 31, 0, 1, 9, 4, 30, 12, 21, 18]));
const KEYPAD = formatCode("keypad18", withCheck("keypad18", [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7]));

/** Types one key after the other, as a phone would, with the caret where the page put it. */
function type(keys: string, start = "", at = start.length) {
  let entry = { text: start, caret: at };
  for (const key of keys) {
    const { text, caret } = entry;
    entry = groupCode(text.slice(0, caret) + key + text.slice(caret), caret + key.length);
  }
  return entry;
}

describe("grouping", () => {
  it.each([
    [CODE.toLowerCase().replaceAll("-", ""), CODE],
    [KEYPAD.replaceAll("-", ""), KEYPAD],
  ])("groups %s while it is typed", (keys, printed) => {
    expect(type(keys)).toEqual({ text: printed, caret: printed.length });
  });

  it.each([
    ["line breaks and tabs", CODE.replaceAll("-", "\r\n\t")],
    ["no-break spaces", CODE.replaceAll("-", "\u00A0\u202F")],
    ["dashes", CODE.replaceAll("-", " \u2013 ")],
    ["invisible characters", `\uFEFF${Array.from(CODE).join("\u200B")}`],
    ["a whole link", `https://cards.example/r#${CODE}`],
  ])("takes pasted %s", (_, text) => {
    expect(groupCode(text).text).toBe(CODE);
  });

  it("keeps the caret behind the character it was behind", () => {
    expect(type("X", "7K3M-Q9TX", 2)).toEqual({ text: "7KX3-MQ9T-X", caret: 3 });
    // Deleting the hyphen moves before it, so the next press deletes the character.
    expect(groupCode("7K3MQ9TX", 4)).toEqual({ text: "7K3M-Q9TX", caret: 4 });
  });

  it("shows what the service reads, and shows again what it showed", () => {
    expect(groupCode("oil").text).toBe("011");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const once = groupCode(text);
        expect(groupCode(once.text).text).toBe(once.text);
        expect(once.caret).toBe(once.text.length);
        expect(readCode(groupCode(text.toLowerCase()).text).ok || !readCode(text).ok).toBe(true);
      }),
    );
  });
});

describe("judging", () => {
  it("takes complete codes of both kinds", () => {
    expect([judgeCode(CODE).state, judgeCode(KEYPAD).state]).toEqual(["complete", "complete"]);
  });

  it("marks wrong characters at once, and says where for people", () => {
    expect(judgeCode("7K3M-U9!")).toEqual({
      state: "malformed",
      positions: [5, 7],
      marked: [
        { character: "U", place: 5 },
        { character: "!", place: 7 },
      ],
    });
    expect(markPieces("7K3M-U9!", [5, 7])).toEqual([
      { text: "7K3M-", isWrong: false },
      { text: "U", isWrong: true },
      { text: "9", isWrong: false },
      { text: "!", isWrong: true },
    ]);
  });

  it("says nothing about the check symbol before the code is complete", () => {
    const wrong = CODE.slice(0, -1) + (CODE.endsWith("7") ? "8" : "7");
    for (let length = 1; length < CODE.length; length++)
      expect(judgeCode(groupCode(wrong.slice(0, length)).text).state).toBe("typing");
    expect(judgeCode(wrong).state).toBe("mistyped");
    for (let length = 1; length < KEYPAD.length; length++)
      expect(judgeCode(groupCode(KEYPAD.slice(0, length)).text).state).toBe("typing");
  });

  it("calls unfinished codes wrong only at submit", () => {
    expect(judgeAtSubmit("").state).toBe("empty");
    expect(judgeAtSubmit("7K3M").state).toBe("typing");
    expect(judgeAtSubmit(groupCode(KEYPAD.slice(0, -2)).text).state).toBe("mistyped");
  });

  it("tells too many characters from slips in a keypad code", () => {
    expect(judgeCode(groupCode(`${CODE}7`).text)).toEqual({ state: "too_long", symbols: 17 });
    expect(judgeCode(groupCode(`${CODE}77`).text).state).toBe("too_long");
    expect(judgeCode(groupCode(KEYPAD.replace("5", "S")).text).state).toBe("malformed");
    expect(judgeCode(groupCode("7".repeat(500)).text).state).toBe("too_long");
  });
});

describe("the code of a link", () => {
  it.each([
    [`#${CODE}`, CODE],
    [`#${CODE.toLowerCase()}`, CODE],
    [`#${CODE.replaceAll("-", "%20")}`, CODE],
    ["", ""],
    ["#", ""],
    ["#%", "%"],
  ])("of %j is %j", (hash, code) => expect(codeOfFragment(hash)).toBe(code));

  it("is bounded", () => expect(codeOfFragment(`#${"7".repeat(100_000)}`).length).toBeLessThan(400));
});
