import { describe, expect, it } from "vitest";
import { readCode } from "../../../src/domain/code/read.ts";
import { type CodeKey, sealCode, unsealCode } from "../../../src/domain/code/seal.ts";
import { BASE32_COLLISION, bytesOfHex, KEYPAD_COLLISION } from "../../support/collision.ts";

describe.each([BASE32_COLLISION, KEYPAD_COLLISION])("a $format code that opens under two keys", (collision) => {
  const keyOf = (side: "old" | "new"): CodeKey => ({ id: collision[side].id, key: bytesOfHex(collision[side].keyHex) });
  const openingOf = (side: "old" | "new") => {
    const { batch, card, id } = collision[side];
    return { batch, card, keyId: id };
  };

  it("is one code of two serials", () => {
    for (const side of ["old", "new"] as const) {
      const { batch, card } = collision[side];
      expect(sealCode({ format: collision.format, key: keyOf(side), batch, card })).toBe(collision.code);
    }
  });

  it("gives both openings, in the order of the keys, for the batch to decide", () => {
    const code = readCode(collision.code);
    if (!code.ok) throw new Error(code.error.detail);
    const [oldKey, newKey] = [keyOf("old"), keyOf("new")];
    const bystander = { id: "3", key: new Uint8Array(32) };
    expect(unsealCode(code.value, [bystander, newKey, oldKey])).toEqual([openingOf("new"), openingOf("old")]);
    expect(unsealCode(code.value, [oldKey, bystander, newKey])).toEqual([openingOf("old"), openingOf("new")]);
    expect(unsealCode(code.value, [newKey])).toEqual([openingOf("new")]);
  });
});
