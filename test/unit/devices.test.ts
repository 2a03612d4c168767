import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  familyIsLive,
  isSignedIn,
  newSeat,
  nextFamily,
  refreshStep,
  type Device,
  type RefreshStep,
} from "../../src/domain/devices.ts";
import { DAY_MS } from "../../src/domain/time.ts";

const NOW_MS = Date.parse("2026-06-01T12:00:00Z");
const seat = { idHash: "h", name: "Phone", platform: null, publicKey: null };
const fresh: Device = newSeat(1, seat, NOW_MS);

/** A device whose newest generation is this one, first moved on to at `NOW_MS`. */
const at = (generation: number, changes: Partial<Device> = {}): Device => ({ ...fresh, generation, ...changes });
const present = (device: Device, generation: number, nowMs = NOW_MS, family = 1): RefreshStep =>
  refreshStep(device, { family, generation }, nowMs);

const unchanged = (device: Device) => ({ type: "refused", changed: false, device });

describe("a refresh with newest generation g", () => {
  it("moves g on to g+1 and remembers when", () => {
    const step = present(at(5), 5, NOW_MS + 1000);
    expect(step).toEqual({
      type: "accepted",
      generation: 6,
      changed: true,
      device: at(6, { advancedAtMs: NOW_MS + 1000, lastSeenAtMs: NOW_MS + 1000 }),
    });
  });

  it("gives g again for g-1, at any time, and writes nothing", () => {
    const device = at(5);
    for (const nowMs of [NOW_MS, NOW_MS + 11_000, NOW_MS + 89 * DAY_MS])
      expect(present(device, 4, nowMs)).toEqual({ type: "accepted", generation: 5, changed: false, device });
  });

  it("gives g-1 for g-2 until ten seconds have passed, then revokes the family", () => {
    const device = at(5);
    expect(present(device, 3, NOW_MS + 10_000)).toEqual({ type: "accepted", generation: 4, changed: false, device });
    expect(present(device, 3, NOW_MS + 10_001)).toEqual({
      type: "refused",
      changed: true,
      device: { ...device, familyRevoked: true },
    });
  });

  it("revokes the family for anything older, however soon", () => {
    expect(present(at(5), 2)).toMatchObject({ type: "refused", changed: true, device: { familyRevoked: true } });
    expect(present(at(500), 1)).toMatchObject({ type: "refused", changed: true, device: { familyRevoked: true } });
  });

  it("refuses what was never issued and changes nothing", () => {
    expect(present(at(5), 6)).toEqual(unchanged(at(5)));
    expect(present(at(5), 5, NOW_MS, 2)).toEqual(unchanged(at(5)));
    const revoked = at(5, { familyRevoked: true });
    expect(present(revoked, 5)).toEqual(unchanged(revoked));
    const signedOut = at(5, { status: "signed_out" });
    expect(present(signedOut, 5)).toEqual(unchanged(signedOut));
  });

  it("dies ninety days after its last use, to the millisecond", () => {
    expect(present(at(5), 5, NOW_MS + 90 * DAY_MS).type).toBe("accepted");
    expect(present(at(5), 5, NOW_MS + 90 * DAY_MS + 1)).toEqual({ type: "refused", changed: false, device: at(5) });
  });
});

describe("a family", () => {
  it("is followed by a new one that none of its tokens opens", () => {
    const next = nextFamily(at(5, { familyRevoked: true }), NOW_MS + 1);
    expect(next).toMatchObject({ family: 2, familyRevoked: false, generation: 1, lastSeenAtMs: NOW_MS + 1 });
    expect(isSignedIn(next, 2)).toBe(true);
    expect(isSignedIn(next, 1)).toBe(false);
    for (const generation of [1, 4, 5]) expect(present(next, generation, NOW_MS + 1, 1).type).toBe("refused");
  });

  it("lives until it is revoked or idle for ninety days", () => {
    expect(familyIsLive(fresh, NOW_MS + 90 * DAY_MS)).toBe(true);
    expect(familyIsLive(fresh, NOW_MS + 90 * DAY_MS + 1)).toBe(false);
    expect(familyIsLive({ ...fresh, familyRevoked: true }, NOW_MS)).toBe(false);
  });
});

type Token = { readonly family: number; readonly generation: number };

/**
 * What RFC 9700 asks of rotation, said over histories rather than over one step: the model knows only which tokens
 * were given out and which were used, and when. `firstUse` of a generation is when it was first used.
 */
class Model {
  readonly firstUse = new Map<number, number>();
  revoked = false;
  newest = 1;
  lastUseMs = NOW_MS;

  accepts(generation: number, nowMs: number): number | undefined {
    if (this.revoked || nowMs - this.lastUseMs > 90 * DAY_MS) return undefined;
    const successorUsedAtMs = this.firstUse.get(generation + 1);
    if (successorUsedAtMs !== undefined && nowMs - successorUsedAtMs > 10_000) {
      this.revoked = true;
      return undefined;
    }
    if (this.firstUse.has(generation + 2)) {
      this.revoked = true;
      return undefined;
    }
    if (!this.firstUse.has(generation)) {
      this.firstUse.set(generation, nowMs);
      this.newest = generation + 1;
      this.lastUseMs = nowMs;
    }
    return generation + 1;
  }
}

describe("any history of refreshes", () => {
  const step = fc.record({
    /** Which token of those given out is sent: 0 = the newest. */
    back: fc.nat(4),
    waitMs: fc.oneof(fc.constantFrom(0, 10_000, 10_001, 91 * DAY_MS), fc.nat(15_000)),
    redeemFirst: fc.boolean(),
  });

  it("has one live family, in which a token leads to its one successor", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let device = fresh;
        let nowMs = NOW_MS;
        const models = new Map<number, Model>([[1, new Model()]]);
        const issued: Token[] = [{ family: 1, generation: 1 }];
        for (const { back, waitMs, redeemFirst } of steps) {
          nowMs += waitMs;
          if (redeemFirst && !familyIsLive(device, nowMs)) {
            device = nextFamily(device, nowMs);
            const model = new Model();
            model.lastUseMs = nowMs;
            models.set(device.family, model);
            issued.push({ family: device.family, generation: 1 });
          }
          const token = issued.at(-1 - back) ?? issued[0]!;
          const isCurrent = token.family === device.family;
          const expected = isCurrent ? models.get(token.family)?.accepts(token.generation, nowMs) : undefined;
          const got = refreshStep(device, token, nowMs);
          expect(got.type === "accepted" ? got.generation : undefined).toBe(expected);
          expect(got.changed).toBe(got.device !== device);
          device = got.device;
          if (got.type === "accepted" && !issued.some((t) => t.family === token.family && t.generation === expected))
            issued.push({ family: token.family, generation: got.generation });
          const live = [...models.keys()].filter((family) => isSignedIn(device, family));
          expect(live).toEqual(device.familyRevoked ? [] : [device.family]);
          expect(device.familyRevoked).toBe(models.get(device.family)?.revoked);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
