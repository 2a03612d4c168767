import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isActive,
  linked,
  longestUnseen,
  newSeat,
  seatsOf,
  signedOut,
  waitForNewDeviceSeconds,
  type Device,
} from "../../src/domain/devices.ts";
import { changePin, decideTakeover, NO_GUARD, withoutPin, type Guard } from "../../src/domain/takeover.ts";
import { DAY_MS } from "../../src/domain/time.ts";

const NOW_MS = Date.parse("2026-06-01T12:00:00Z");

/** A PIN's MAC under the keys 2 (newest) and 1. */
const presented = (pin: string, keys = ["2", "1"]) => keys.map((keyId) => ({ keyId, mac: `${keyId} ${pin}` }));
const guarded = (changes: Partial<Guard> = {}): Guard => ({
  ...NO_GUARD,
  pin: { keyId: "2", mac: "2 1234" },
  ...changes,
});
const take = (guard: Guard, pin: string | null, { openHolds = 0, nowMs = NOW_MS, keys = ["2", "1"] } = {}) =>
  decideTakeover(guard, { rule: "pin", pin: pin === null ? null : presented(pin, keys) }, { openHolds, nowMs });
const codeOf = ({ refusal }: ReturnType<typeof take>) => refusal?.code ?? null;

describe("taking a card over", () => {
  it("is never allowed where the profile says so", () => {
    const outcome = decideTakeover(
      guarded(),
      { rule: "never", pin: presented("1234") },
      { openHolds: 0, nowMs: NOW_MS },
    );
    expect([codeOf(outcome), outcome.guard]).toEqual(["takeover_refused", guarded()]);
  });

  it("needs the PIN, and that one was set", () => {
    expect(codeOf(take(NO_GUARD, "1234"))).toBe("takeover_refused");
    expect(codeOf(take(guarded(), null))).toBe("pin_required");
    expect(codeOf(take(guarded(), "1235"))).toBe("pin_wrong");
    expect(take(guarded(), "1234")).toEqual({ guard: guarded({ takenOverAtMs: NOW_MS }), refusal: null });
  });

  it("allows five wrong PINs a day, whatever comes between, and not even the right one after them", () => {
    let guard = guarded();
    for (let tries = 1; tries <= 5; tries += 1) {
      const outcome = take(guard, "0000", { nowMs: NOW_MS + tries });
      expect(codeOf(outcome)).toBe("pin_wrong");
      guard = outcome.guard;
      // A right PIN that is refused for another reason gives no more tries.
      guard = take(guard, "1234", { nowMs: NOW_MS + tries, openHolds: 1 }).guard;
    }
    const locked = take(guard, "1234", { nowMs: NOW_MS + 3_600_000 });
    expect(locked.refusal).toMatchObject({ code: "too_many_attempts", retryAfterSeconds: 82_801 });
    expect(codeOf(take(guard, "1234", { nowMs: NOW_MS + DAY_MS }))).toBe("too_many_attempts");
    expect(codeOf(take(guard, "1234", { nowMs: NOW_MS + DAY_MS + 1 }))).toBeNull();
  });

  it("happens once in 24 hours and not during a call; the PIN is asked for first", () => {
    const moved = guarded({ takenOverAtMs: NOW_MS });
    expect(take(moved, "1234", { nowMs: NOW_MS + DAY_MS - 1000 }).refusal).toMatchObject({
      code: "takeover_refused",
      retryAfterSeconds: 1,
    });
    expect(codeOf(take(moved, "0000"))).toBe("pin_wrong");
    expect(codeOf(take(moved, "1234", { nowMs: NOW_MS + DAY_MS }))).toBeNull();
    expect(codeOf(take(guarded(), "1234", { openHolds: 1 }))).toBe("takeover_refused");
    expect(codeOf(take(guarded(), "0000", { openHolds: 1 }))).toBe("pin_wrong");
  });

  it("knows a PIN under an older live key, and keeps it under the newest from then on", () => {
    const older = guarded({ pin: { keyId: "1", mac: "1 1234" } });
    expect(take(older, "1234").guard.pin).toEqual({ keyId: "2", mac: "2 1234" });
    expect(codeOf(take(older, "0000"))).toBe("pin_wrong");
    expect(codeOf(take(older, "1234", { keys: ["3", "2"] }))).toBe("takeover_refused");
  });

  it("by the code alone leaves no PIN that the new holder does not know", () => {
    const outcome = decideTakeover(guarded(), { rule: "holder", pin: null }, { openHolds: 0, nowMs: NOW_MS });
    expect(outcome).toEqual({ guard: guarded({ pin: null, takenOverAtMs: NOW_MS }), refusal: null });
  });
});

describe("setting the PIN", () => {
  const set = (guard: Guard, pin: string, current: string | null, isFirstDevice = true, request = "r1") =>
    changePin(
      guard,
      { request, pin: presented(pin), current: current === null ? null : presented(current) },
      { isFirstDevice, nowMs: NOW_MS },
    );

  it("is the first device's, and then anybody's who knows it", () => {
    expect(codeOf(set(NO_GUARD, "1234", null, false))).toBe("pin_required");
    const { guard } = set(NO_GUARD, "1234", null);
    expect(guard.pin).toEqual({ keyId: "2", mac: "2 1234" });
    expect(codeOf(set(guard, "9999", null, true, "r2"))).toBe("pin_required");
    const wrong = set(guard, "9999", "0000", true, "r3");
    expect([codeOf(wrong), wrong.guard.pin, wrong.guard.wrongCount]).toEqual(["pin_wrong", guard.pin, 1]);
    expect(set(guard, "9999", "1234", false, "r4").guard.pin).toEqual({ keyId: "2", mac: "2 9999" });
  });

  it("shares its five tries with taking over", () => {
    let guard = guarded();
    for (let tries = 0; tries < 5; tries += 1) guard = set(guard, "9999", "0000", true, `r${tries}`).guard;
    expect(codeOf(take(guard, "1234"))).toBe("too_many_attempts");
    expect(codeOf(set(guard, "9999", "1234", true, "r9"))).toBe("too_many_attempts");
  });

  it("is the same when the same request comes twice, and no way to guess", () => {
    const { guard } = set(guarded(), "9999", "1234");
    expect(set(guard, "9999", "1234")).toEqual({ guard, refusal: null });
    expect(codeOf(set(guard, "9999", null, true, "r2"))).toBe("pin_required");
  });

  it("starts anew when its key is no longer live, or nobody is signed in", () => {
    const retired = guarded({ pin: { keyId: "0", mac: "0 1234" } });
    expect(codeOf(set(retired, "5678", null))).toBeNull();
    expect(withoutPin(guarded({ wrongCount: 5, takenOverAtMs: 7 }))).toEqual({
      ...NO_GUARD,
      wrongCount: 5,
      takenOverAtMs: 7,
    });
  });
});

describe("the places of a card", () => {
  const device = (number: number, changes: Partial<Device> = {}): Device => ({
    ...newSeat(number, { idHash: `${number}`, name: null, platform: null, publicKey: null }, NOW_MS),
    ...changes,
  });

  it("give way in the order in which they were last seen; a companion speaks for its softphone", () => {
    const companion = device(1, { sipSeat: false, lastSeenAtMs: NOW_MS - 500 });
    const softphone = device(3, { linkedTo: 1, lastSeenAtMs: NOW_MS - 9 });
    const quiet = device(2, { lastSeenAtMs: NOW_MS - 10 });
    expect(longestUnseen([companion, quiet, softphone])?.number).toBe(2);
    expect(longestUnseen([companion, { ...quiet, lastSeenAtMs: NOW_MS }, softphone])?.number).toBe(1);
    expect(longestUnseen([{ ...quiet, status: "signed_out" }])).toBeUndefined();
  });

  it("bind fifty new devices a day at most", () => {
    const devices = Array.from({ length: 50 }, (_, index) =>
      device(index + 1, { createdAtMs: NOW_MS + index, status: "signed_out" }),
    );
    expect(waitForNewDeviceSeconds(devices.slice(1), NOW_MS + 50)).toBe(0);
    expect(waitForNewDeviceSeconds(devices, NOW_MS + 1000)).toBe(86_399);
    expect(waitForNewDeviceSeconds(devices, NOW_MS + DAY_MS)).toBe(0);
  });

  it("hold one seat each, whatever is linked, linked again and signed out", () => {
    const step = fc.record({ act: fc.constantFrom("link", "out", "bind"), which: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let devices: Device[] = [device(1)];
        const save = (changes: readonly Device[]) => {
          for (const change of changes)
            devices = [...devices.filter(({ number }) => number !== change.number), change].toSorted(
              (a, b) => a.number - b.number,
            );
        };
        for (const { act, which } of steps) {
          const active = devices.filter(isActive);
          const chosen = active[which % Math.max(1, active.length)];
          const number = devices.length + 1;
          if (act === "bind") save([device(number)]);
          if (act === "out" && chosen) save(signedOut(devices, chosen));
          if (act === "link" && chosen?.linkedTo === null)
            save(linked(devices, chosen, device(number, { linkedTo: chosen.number })));
          const own = devices.filter((each) => isActive(each) && each.linkedTo === null);
          expect(seatsOf(devices)).toHaveLength(own.length);
          for (const each of own) {
            const softphones = devices.filter((other) => isActive(other) && other.linkedTo === each.number);
            expect(softphones).toHaveLength(each.sipSeat ? 0 : 1);
          }
          for (const each of devices)
            if (isActive(each) && each.linkedTo !== null) expect(own.map((o) => o.number)).toContain(each.linkedTo);
        }
      }),
    );
  });
});
