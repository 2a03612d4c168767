import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sourceOf } from "../../src/domain/source.ts";

const octet = fc.integer({ min: 0, max: 255 });
const group = fc.integer({ min: 0, max: 0xffff });
const hex = (value: number) => value.toString(16);

describe("sources", () => {
  it("are IPv4 addresses one by one, also inside IPv6 in either spelling", () => {
    fc.assert(
      fc.property(octet, octet, octet, octet, (a, b, c, d) => {
        const address = `${a}.${b}.${c}.${d}`;
        expect(sourceOf(address)).toBe(address);
        expect(sourceOf(`::ffff:${address}`)).toBe(address);
        expect(sourceOf(`::FFFF:${hex(a * 256 + b)}:${hex(c * 256 + d)}`)).toBe(address);
        expect(sourceOf(`0:0:0:0:0:ffff:${address}`)).toBe(address);
      }),
    );
  });

  it("are IPv6 networks of 64 bits: equal exactly when the first four groups are", () => {
    // Not 0: an address of the mapped range is IPv4.
    const first = fc.integer({ min: 0x2000, max: 0x3fff });
    const rest = fc.tuple(group, group, group);
    const host = fc.tuple(group, group, group, group);
    fc.assert(
      fc.property(first, rest, rest, host, host, (prefix, one, other, hostOne, hostOther) => {
        const address = (network: number[], interfaceId: number[]) =>
          [prefix, ...network, ...interfaceId].map(hex).join(":");
        expect(sourceOf(address(one, hostOne))).toBe(sourceOf(address(one, hostOther)));
        expect(sourceOf(address(one, hostOne)) === sourceOf(address(other, hostOther))).toBe(
          one.join(":") === other.join(":"),
        );
      }),
    );
  });

  it("do not depend on how an IPv6 address is written", () => {
    const network = sourceOf("2001:db8::1");
    for (const spelling of [
      "2001:DB8::1",
      "2001:0db8:0000:0000:0000:0000:0000:0001",
      "2001:db8:0:0::",
      " 2001:db8::ffff ",
      "2001:db8::1%eth0",
      "2001:db8::192.0.2.1",
    ])
      expect(sourceOf(spelling), spelling).toBe(network);
    expect(sourceOf("2001:db8:0:1::1")).not.toBe(network);
    expect(sourceOf("::1")).toBe("0:0:0:0::/64");
  });

  it.each([
    null,
    "",
    "unknown",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "999.999.999.999",
    "1.2.3.-4",
    "1.2.3.0x4",
    "010.1.1.1",
    "1.2.3.4, 5.6.7.8",
    "1:2:3",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::1",
    ":::",
    "2001:db8::1.2.3",
    "2001:db8::/64",
    "'; DROP TABLE",
  ])("%j is unknown, one for all", (text) => {
    expect(sourceOf(text)).toBe("unknown");
  });
});
