/**
 * Every sentence of the holder's pages, in one place: a translation is another object of its type.
 * Values that vary come in as arguments, so word order is the translator's to choose.
 */
export const TEXTS = {
  language: "en",
  direction: "ltr" as "ltr" | "rtl",
  plainName: "Calling card",

  enter: {
    documentTitle: "Set up your calling card",
    heading: "Set up your calling card",
    lead: "Type or paste the code printed on the card.",
    label: "Card code",
    hint: "16 letters and digits, or 18 digits. Spaces, hyphens and small letters do not matter.",
    submit: "Set up this card",
    busy: "Setting up…",
    slow: "This takes longer than usual. Please keep the page open.",
    back: "Back to my card",
    replacing:
      "A card is set up here already. This page shows one card at a time; the other one keeps its credit, and its code brings it back.",
    emergency: "Not for emergency calls: dial 112 or 911 from a mobile or landline phone.",
  },

  code: {
    typing: (symbols: number, needed: number) => `${symbols} of ${needed} characters`,
    incomplete: (symbols: number) =>
      `The code is not complete: it has ${symbols} characters, and 16 (or 18 digits) are needed.`,
    empty: "Enter the code first.",
    malformed: (characters: readonly { character: string; place: number }[]) =>
      characters.length === 1
        ? characters
            .map(({ character, place }) => `Character ${place}, “${character}”, is never part of a code.`)
            .join("")
        : `These are never part of a code: ${characters.map(({ character, place }) => `“${character}” (character ${place})`).join(", ")}.`,
    tooLong: (symbols: number) => `These are ${symbols} characters: too many. A code has 16, or 18 digits.`,
    mistyped: "There is a typing mistake: one character is wrong, or two are swapped. Compare them with the card.",
    complete: "The code is complete.",
  },

  problem: {
    retry: "Try again",
    retryIn: (seconds: number) => `Try again in ${seconds} s`,
    more: "What this means",
    /** Where the service speaks to developers, holders get these instead. */
    details: {
      too_many_attempts: "Wait a moment, and compare the code with the card before you try again.",
    } as Readonly<Record<string, string>>,
    offline: {
      title: "You are offline",
      detail: "Connect to the internet and try again. Nothing was changed.",
    },
    unreachable: {
      title: "The service cannot be reached",
      detail: "Check the connection and try again. Trying again is safe.",
    },
    timeout: {
      title: "No answer in time",
      detail: "The connection may be slow. Trying again is safe: a card is never set up twice on one device.",
    },
    unreadable: {
      title: "The answer could not be read",
      detail: "Something between this page and the service changed it. Try again, or on another network.",
    },
  },

  restore: {
    heading: "Opening your card",
    busy: "Opening your card…",
    stuckHeading: "Your card cannot be shown now",
    forgotten: "This device is no longer signed in. Enter the code again: the card and its credit are untouched.",
    leftElsewhere: "You signed out in another tab. Enter the code to set the card up here again.",
  },

  card: {
    documentTitle: (brand: string) => `Your card – ${brand}`,
    heading: "Your card",
    ready: "Your card is ready.",
    credit: "Credit",
    held: (amount: string) => `plus ${amount} set aside for a call`,
    serial: "Serial number",
    expires: "Valid until",
    neverExpires: "No end date",
    expired: "Expired on",
    refresh: "Refresh",
    refreshing: "Refreshing…",
    topUp: "Top up",
    openingTopUp: "Opening…",
    refreshed: (amount: string) => `Credit: ${amount}`,
    testMode: "Test card: it carries no money and calls nobody.",
    expiredHeading: "This card has expired",
    expiredText:
      "It cannot make calls, so there is no SIP account to show. Its provider can tell you whether it can be topped up.",
    noSipHeading: "No SIP account",
    noSipText: "This card has no calling account now. Refresh later, or ask its provider.",
    website: "Website",
    support: "Help",
    terms: "Terms",
    privacy: "Privacy",
  },

  sip: {
    heading: "SIP account",
    purpose:
      "Enter these in any SIP phone app to call with this card. Keep the password to yourself: it spends your credit.",
    domain: "Domain",
    user: "Username",
    login: "Login",
    loginHint: "also called authentication name",
    password: "Password",
    proxy: "Proxy",
    webSocket: "WebSocket",
    expires: "Login valid until",
    hasExpired: "The login has expired. Get a new one.",
    noLogin: "No login at the moment. Get a new one.",
    renew: "New login",
    renewing: "Fetching…",
    renewed: "There is a new login and password. The old ones work until they expire.",
    copy: "Copy",
    copyOf: (what: string) => `Copy: ${what}`,
    copied: "Copied",
    copiedOf: (what: string) => `Copied: ${what}`,
    copyFailed: "Copying is not allowed here. Select the text instead.",
    show: "Show",
    hide: "Hide",
    showOf: (what: string) => `Show: ${what}`,
    hideOf: (what: string) => `Hide: ${what}`,
    hidden: "hidden",
  },

  device: {
    heading: "This device",
    another: "Enter another code",
    signOut: "Sign out",
    confirmHeading: "Sign out on this device?",
    confirm:
      "The card leaves this device and can be set up on another one. Its credit stays on the card: keep the code, you need it to come back. A phone app that uses the login shown here works until that login expires.",
    cancel: "Stay signed in",
    busy: "Signing out…",
    done: "You are signed out. The credit stays on the card.",
  },

  landing: {
    found: "Your card’s code",
    foundLead: "Set the card up in this browser, or copy the code into your provider’s phone app.",
    malformed: "This link does not hold a whole code",
    malformedLead: "Part of the link may be missing. Scan it again, or type the code from the card.",
    setUp: "Set up here",
    type: "Type the code",
  },
};
