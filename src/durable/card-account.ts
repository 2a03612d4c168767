import { DurableObject } from "cloudflare:workers";

export class CardAccount extends DurableObject<Env> {}
