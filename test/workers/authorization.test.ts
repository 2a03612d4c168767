/**
 * The authorization matrix, made from the table of operations: every kind of key, every keyed operation, about one's own
 * things, another partner's, and nobody's. What is another's is answered as what does not exist: status, headers, body.
 */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, call } from "../support/api.ts";
import { comparable } from "../support/catalogue.ts";
import { type Fixture, FIXTURES } from "../support/matrix-fixtures.ts";
import { makeWorld, type Role, type Things, type World } from "../support/matrix-world.ts";
import { type KeyedRoute, keyedRoutes } from "../support/routes.ts";

const fixtureOf = ({ operationId }: KeyedRoute): Fixture | undefined =>
  (FIXTURES as Readonly<Record<string, Fixture>>)[operationId];

/** Two of either partner: the one that is spent from, and the one that is replaced. */
const TOUCHED_CARDS = 4;

let world: World;
let cells = 0;

beforeAll(async () => {
  world = await makeWorld();
  // Lists show the projection: it must stand still while answers are compared.
  const known = () => env.DB.prepare("SELECT count(*) AS n FROM cards").first<number>("n");
  while (((await known()) ?? 0) < TOUCHED_CARDS) await new Promise((resolve) => setTimeout(resolve, 250));
}, 120_000);

async function ask(
  { method, path }: KeyedRoute,
  fixture: Fixture,
  of: Things,
  role: Role,
): Promise<Answer<Record<string, unknown>>> {
  const values = fixture.path?.(of) ?? {};
  const concrete = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => values[name] ?? `no-${name}`);
  const { query = "", body, raw, headers } = fixture.request?.(of) ?? {};
  return call(method, `${concrete}${query}`, {
    ...(role.key !== undefined && { key: role.key }),
    ...(method !== "GET" && body !== undefined && { body }),
    ...(raw !== undefined && { raw }),
    ...(headers && { headers }),
  });
}

/** What the caller said itself tells it nothing. */
function unsaid(answer: Answer<unknown>, of: Things): unknown {
  let text = answer.text.replaceAll(/matrix-\d+/g, "<id>");
  // Longest first: some ids are part of others.
  const said = Object.values(of).filter((value) => typeof value === "string" && value.length > 3) as string[];
  for (const value of said.toSorted((a, b) => b.length - a.length)) text = text.replaceAll(value, "<said>");
  return comparable({ ...answer, text });
}

const mayCall = ({ rule }: KeyedRoute, { scopes, partner }: Role): boolean =>
  (rule.scopes.some((scope) => scopes.includes(scope)) || (rule.partnerKeysNeedNoScope === true && partner !== null)) &&
  (rule.operatorOnly !== true || partner === null);

/** Does the key reach this owner's things? */
function reaches({ rule }: KeyedRoute, fixture: Fixture, role: Role, of: Things): boolean {
  if (of === world.absent) return false;
  const onlyAsSwitch = rule.scopes.every((scope) => scope === "switch" || !role.scopes.includes(scope));
  if (fixture.byTrunk && onlyAsSwitch && !role.trunks.includes(of.trunk)) return false;
  return (role.partner === null && fixture.byOrderer !== true) || role.partner === of.partner;
}

/** Nothing of the other partner is in an answer to a partner's key, unless it was in the question. */
function expectNoLeak(answer: Answer<unknown>, fixture: Fixture, role: Role, asked: Things, cell: string): void {
  if (role.partner === null || fixture.recalls) return;
  for (const other of [world.own, world.foreign]) {
    if (other.partner === role.partner || other === asked) continue;
    for (const value of [other.partner, other.brand, other.profile, other.serial, other.keyId, other.hook])
      expect(answer.text.includes(`"${value}"`), `${cell} tells of ${value}`).toBe(false);
  }
}

describe(`the authorization matrix over ${keyedRoutes.length} operations`, () => {
  it("has a fixture for every keyed route, and no other", () => {
    expect(Object.keys(FIXTURES).toSorted()).toEqual(keyedRoutes.map(({ operationId }) => operationId).toSorted());
  });

  it.each(keyedRoutes)("$operationId", async (route) => {
    const fixture = fixtureOf(route);
    if (!fixture) throw new Error("no fixture");
    for (const role of world.roles) {
      const targets = fixture.about === "thing" ? [world.own, world.foreign, world.absent] : [world.own];
      const answers = new Map<Things, Answer<Record<string, unknown>>>();
      for (const of of targets) {
        if (of === world.absent && fixture.makes && role.partner === null) continue;
        if (of !== world.absent) await fixture.prepare?.(of);
        const cell = `${route.operationId} by ${role.name} about ${of.partner}`;
        const answer = await ask(route, fixture, of, role);
        answers.set(of, answer);
        cells += 1;
        if (role.refused) {
          expect([answer.status, answer.body.code], cell).toEqual([role.refused.status, role.refused.code]);
        } else if (!mayCall(route, role)) {
          expect([answer.status, answer.body.code], cell).toEqual([403, "insufficient_scope"]);
        } else if (fixture.about === "deployment" || reaches(route, fixture, role, of)) {
          expect(answer.status, `${cell}: ${answer.text}`).toBeLessThan(300);
        }
        expectNoLeak(answer, fixture, role, of, cell);
      }
      const absent = answers.get(world.absent);
      if (!absent) continue;
      for (const of of [world.own, world.foreign]) {
        const answer = answers.get(of);
        const isHidden = role.refused !== undefined || !mayCall(route, role) || !reaches(route, fixture, role, of);
        if (!answer || !isHidden) continue;
        expect(unsaid(answer, of), `${route.operationId} by ${role.name}`).toEqual(unsaid(absent, world.absent));
      }
    }
  });

  it("covers what it says", () => {
    console.info(`authorization matrix: ${cells} cells, ${world.roles.length} roles, ${keyedRoutes.length} operations`);
    expect(cells).toBeGreaterThan(world.roles.length * keyedRoutes.length);
  });
});
