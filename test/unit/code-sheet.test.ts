import { describe, expect, it } from "vitest";
import { csvField, SHEET_WRITERS, sheetFormat } from "../../src/domain/code-sheet.ts";

describe("CSV fields", () => {
  it.each([
    ["plain", "plain"],
    ["=1+1", "'=1+1"],
    ["+1", "'+1"],
    ["-1", "'-1"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", "'\t=1"],
    ["\r=1", `"'\r=1"`],
    ["a,b", '"a,b"'],
    ['a"b', '"a""b"'],
    ["a\nb", '"a\nb"'],
    ['=HYPERLINK("x",1)', `"'=HYPERLINK(""x"",1)"`],
  ])("%j becomes %j", (text, field) => expect(csvField(text)).toBe(field));

  it("end in CRLF under a header", () => {
    const { head, row } = SHEET_WRITERS.csv;
    expect(head + row({ serial: "000001-0000001", code: "A-B", link: "https://x/r#A-B" }, true)).toBe(
      "serial,code,link\r\n000001-0000001,A-B,https://x/r#A-B\r\n",
    );
  });
});

describe("the format", () => {
  it.each([
    [undefined, "csv"],
    ["*/*", "csv"],
    ["text/csv", "csv"],
    ["application/json", "json"],
    ["application/x-ndjson", "ndjson"],
    ["Application/JSON; charset=utf-8", "json"],
    ["application/json;q=0.5, application/x-ndjson", "ndjson"],
    ["text/html, application/json;q=0.9, */*;q=0.8", "json"],
    ["application/json;q=0, */*", "csv"],
    ["image/png", "csv"],
    [",;,q=,", "csv"],
  ])("for %j is %s", (accept, format) => expect(sheetFormat(accept)).toBe(format));
});
