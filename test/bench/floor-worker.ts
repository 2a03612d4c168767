/**
 * The floors: what the platform costs without the product. Same runtime and bindings, same Hono, same jose, same minified
 * bundling, and no product code, so that nothing the product does slowly makes its floor slow too.
 * Routes: /bare, /sign, /read-sign, /write, /create-sign; `?card=` names the object, `&hold=` a hold to write with it. The object's class has the name that
 * the product's configuration asks for.
 */
import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";
import { SignJWT } from "jose";

type FloorEnv = { readonly CARDS: DurableObjectNamespace<CardAccount> };

/** As the product's: how long after a change the alarm is set. */
const ALARM_DELAY_MS = 3000;
const ISSUER = "http://127.0.0.1:8787";
const DOMAIN = "sip.bench.example";
const LIFETIME_SECONDS = 600;
/** The columns of a card's row besides its key: as many as the product has, one of them text. */
const CARD_COLUMNS = Array.from({ length: 25 }, (_, index) => `c${index}`);

export class CardAccount extends DurableObject<FloorEnv> {
  readonly #sql = this.ctx.storage.sql;
  #armed = false;

  /** One object read: one row. */
  read(): Record<string, SqlStorageValue> {
    if (!this.#isMade()) this.make();
    return this.#card();
  }

  /** What a debit writes, and nothing else: the card's row, a posting, an outcome, the alarm; one transaction. */
  write(id: string, amount: string, hold: string | undefined): number {
    if (!this.#isMade()) this.make();
    return this.ctx.storage.transactionSync(() => {
      const version = Number(this.#card()["c0"]) + 1;
      this.#saveCard(version);
      this.#sql.exec("INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?, ?, ?)", version, 1, "debit", id, 1, 2, 3, null);
      const outcome = ["debit", id, `{"amount":"${amount}","currency":"EUR"}`, 1, null, 1, 2, 3, 4];
      this.#sql.exec("INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", ...outcome);
      if (hold !== undefined) this.#writeHold(hold, version);
      this.#arm();
      return version;
    });
  }

  /** A step of a hold reads its row and replaces it, as well. */
  #writeHold(hold: string, version: number): void {
    const [known] = this.#sql.exec<Record<string, SqlStorageValue>>("SELECT * FROM holds WHERE id = ?", hold).toArray();
    const values = [Number(known?.["amount"] ?? 0) + 1, version, 1, 2, 3, null, null, null, 4, 5, null];
    this.#sql.exec(
      `INSERT INTO holds VALUES (?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state,
        amount = excluded.amount, sequence = excluded.sequence, charged = excluded.charged, released = excluded.released,
        shortfall = excluded.shortfall, expires = excluded.expires, settled = excluded.settled`,
      hold,
      ...values,
    );
  }

  /** An object that comes to be by one write: a table, a row, the alarm. */
  create(): number {
    return this.ctx.storage.transactionSync(() => {
      this.#sql.exec(`CREATE TABLE card (only INTEGER PRIMARY KEY, ${CARD_COLUMNS.join(", ")})`);
      this.#saveCard(1);
      this.#arm();
      return 1;
    });
  }

  override alarm(): void {
    this.#armed = false;
  }

  make(): void {
    this.create();
    this.#sql.exec(`CREATE TABLE postings (seq INTEGER PRIMARY KEY, at_ms, type, id, amount, available, held, reason);
      CREATE TABLE outcomes (kind TEXT NOT NULL, id TEXT NOT NULL, content, at_ms, refusal, moved, rest, available, held,
        PRIMARY KEY (kind, id)) WITHOUT ROWID;
      CREATE TABLE holds (id TEXT PRIMARY KEY, state, amount, sequence, charged, released, shortfall, subject, destination,
        reference, created, expires, settled) WITHOUT ROWID;
      CREATE INDEX outcomes_refused ON outcomes (at_ms) WHERE refusal IS NOT NULL;`);
  }

  #isMade(): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'outcomes'").toArray().length > 0;
  }

  #card(): Record<string, SqlStorageValue> {
    return this.#sql.exec<Record<string, SqlStorageValue>>("SELECT * FROM card").one();
  }

  #saveCard(version: number): void {
    const values = CARD_COLUMNS.map((_, index) => (index === 1 ? '{"version":1,"status":"active"}' : version + index));
    this.#sql.exec(
      `INSERT INTO card VALUES (1, ${CARD_COLUMNS.map(() => "?").join(", ")}) ON CONFLICT (only) DO UPDATE SET
        ${CARD_COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ")}`,
      version,
      ...values.slice(1),
    );
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    void this.ctx.storage.setAlarm(Date.now() + ALARM_DELAY_MS);
  }
}

type Keys = { readonly signing: CryptoKey; readonly sha1: CryptoKey; readonly sha256: CryptoKey };
let keys: Keys | undefined;

async function keysOfIsolate(): Promise<Keys> {
  if (keys) return keys;
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const hmac = (hash: string) => crypto.subtle.importKey("raw", secret, { name: "HMAC", hash }, false, ["sign"]);
  keys = { signing: (pair as CryptoKeyPair).privateKey, sha1: await hmac("SHA-1"), sha256: await hmac("SHA-256") };
  return keys;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const mac = async (key: CryptoKey, text: string) => base64(await crypto.subtle.sign("HMAC", key, bytes(text)));
const base64 = (data: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(data)));

/**
 * What one redeem signs: two ES256 JWTs of its claims, HMAC-SHA-1 for the SIP password, MD5 for H(A1), HMAC-SHA-1 for
 * TURN, HMAC-SHA-256 for the refresh token.
 */
async function signatures(card: string) {
  const { signing, sha1, sha256 } = await keysOfIsolate();
  const now = Math.floor(Date.now() / 1000);
  const user = `${card}.1`;
  const jwt = (typ: string, claims: Record<string, unknown>) =>
    new SignJWT({ iss: ISSUER, ...claims, iat: now, exp: now + LIFETIME_SECONDS, jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: "ES256", typ, kid: "0123456789abcdef" })
      .sign(signing);
  const sub = `${user}@${DOMAIN}`;
  const digest = async () => {
    const password = await mac(sha1, `${now}:${sub}`);
    return { password, ha1: base64(await crypto.subtle.digest("MD5", bytes(`${now}:${sub}:${DOMAIN}:${password}`))) };
  };
  const sip = { aud: `sip:${DOMAIN}`, sub, scope: "sip", sip_identity: `sip:${sub}`, partner: "bench" };
  const [access, bearer, pair, turn, refresh] = await Promise.all([
    jwt("at+jwt", { aud: ISSUER, sub: user, client_id: "dialler", family: 1 }),
    jwt("JWT", sip),
    digest(),
    mac(sha1, `${now}:${user}`),
    mac(sha256, `refresh token ${user}, family 1, generation 1`),
  ]);
  return { access, bearer, ...pair, turn, refresh };
}

const app = new Hono<{ Bindings: FloorEnv }>();
app.get("/bare", (c) => c.text("ok"));
app.get("/sign", async (c) => c.json(await signatures("000001-0000001")));
app.get("/read-sign", async (c) => {
  const card = c.req.query("card") ?? "";
  const row = await c.env.CARDS.getByName(card).read();
  return c.json({ version: row["c0"], ...(await signatures(card)) });
});
app.put("/write", async (c) => {
  const { card = "", id = "", hold } = c.req.query();
  const { amount } = await c.req.json<{ amount: string }>();
  return c.json({ version: await c.env.CARDS.getByName(card).write(id, amount, hold) });
});
app.post("/create-sign", async (c) => {
  const card = c.req.query("card") ?? "";
  const version = await c.env.CARDS.getByName(card).create();
  return c.json({ version, ...(await signatures(card)) });
});

export default app;
