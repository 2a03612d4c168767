/** Creating or replacing a trunk: secrets come in clear once, are sealed, and are kept when a replacement names none. */
import { type Sealer, trunkSecretPlace } from "../auth/sealing.ts";
import { OPERATOR } from "../domain/audit.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import type { TrunkDigest } from "../domain/profile.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { findTrunk, type GrantedTrunk, putTrunk, unknownPartners } from "../storage/trunks.ts";
import type { Audited } from "./audit.ts";
import type { Services } from "./services.ts";

/** As ordered: `secret: null` keeps the stored one. */
export type TrunkOrder = Omit<GrantedTrunk, "digest" | "ice"> & {
  readonly digest: TrunkDigest & { readonly secret: string | null };
  readonly ice: { readonly urls: readonly string[]; readonly secret: string | null } | null;
};

export type SavedTrunk = { readonly outcome: "created" | "replaced"; readonly trunk: GrantedTrunk };

export async function saveTrunk(
  { db, sealer }: Pick<Services, "db" | "sealer">,
  audited: Audited,
  order: TrunkOrder,
): Promise<Result<SavedTrunk, Refusal>> {
  const [unknown] = await unknownPartners(db, order.partners);
  if (unknown !== undefined)
    return err(invalidField(`/partners/${order.partners.indexOf(unknown)}`, "There is no such partner."));
  const secrets = await settleSecrets(sealer, order, await findTrunk(db, order.id));
  if (!secrets.ok) return secrets;
  const { digest, ice } = secrets.value;
  const trunk: GrantedTrunk = {
    ...order,
    partners: order.partners.toSorted(),
    digest: { mac: order.digest.mac, algorithm: order.digest.algorithm, sealedSecret: digest },
    ice: order.ice && ice !== null ? { urls: order.ice.urls, sealedSecret: ice } : null,
  };
  const kept = { digest: order.digest.secret === null, ice: order.ice !== null && order.ice.secret === null };
  const { id, partners } = trunk;
  const details = { ...order, id: undefined, partners, digest: toldSecret(order.digest), ice: toldSecret(order.ice) };
  const outcome = await audited({ owner: OPERATOR, act: "trunk.put", object: `trunk:${id}`, details }, (entry) =>
    putTrunk(db, trunk, kept, entry),
  );
  return outcome === "domain_taken"
    ? err(refuse("id_taken", "/domain: a domain belongs to exactly one trunk, and another one has it."))
    : ok({ outcome, trunk });
}

/** What the trail may tell of a secret: whether it was given anew. */
const toldSecret = <T extends { readonly secret: string | null }>(part: T | null) =>
  part && { ...part, secret: part.secret === null ? "kept" : "new" };

type SealedSecrets = { readonly digest: string; readonly ice: string | null };

/** New secrets sealed, kept ones as stored. The two must differ in clear: a TURN server must not learn the SIP secret. */
async function settleSecrets(
  sealer: Sealer,
  { id, digest, ice }: TrunkOrder,
  stored: GrantedTrunk | undefined,
): Promise<Result<SealedSecrets, Refusal>> {
  const digestPlace = trunkSecretPlace(id, "digest");
  const icePlace = trunkSecretPlace(id, "ice");
  const keptDigest = digest.secret === null ? stored?.digest.sealedSecret : null;
  const keptIce = ice && ice.secret === null ? stored?.ice?.sealedSecret : null;
  if (keptDigest === undefined) return err(invalidField("/digest/secret", "A new trunk needs one."));
  if (keptIce === undefined) return err(invalidField("/ice/secret", "A trunk without one yet needs it."));
  const digestClear = digest.secret ?? (keptDigest === null ? "" : await sealer.open(digestPlace, keptDigest));
  const iceClear = ice && (ice.secret ?? (keptIce === null ? "" : await sealer.open(icePlace, keptIce)));
  if (digestClear === iceClear) return err(invalidField("/ice/secret", "Must differ from the digest secret."));
  return ok({
    digest: keptDigest ?? (await sealer.seal(digestPlace, digestClear)),
    ice: iceClear === null ? null : (keptIce ?? (await sealer.seal(icePlace, iceClear))),
  });
}
