// The form that adds a card: a setup intent from Billfold, the card to Stripe.js, and the saved method back to Billfold.

import { described } from "./saved-cards.js";

const element = (id) => document.getElementById(id);

const form = element("add");
const button = element("add-button");
const fault = element("card-error");
const outcome = element("add-outcome");

/** What the page says where Stripe.js's own words do not say what to do. */
const WORDS = {
  api_connection_error: "Stripe did not answer. Try again: what became of the card is looked up first.",
  api_error: "Something went wrong at Stripe. Try again.",
  setup_intent_authentication_failure: "The bank's check was not passed, so the card was not saved. Try again, or use another card.",
};

function words(error) {
  const known = WORDS[error.code] ?? WORDS[error.type];
  if (known) return known;
  return error.type === "card_error" ? `${error.message} Nothing was saved.` : error.message;
}

/** Whether another card can be tried with the same setup intent, which serves until it has succeeded or is canceled. */
function isOpen(error) {
  return error?.type === "validation_error" || error?.setup_intent?.status === "requires_payment_method";
}

/** The colours and letters of the page, for fields that are in a frame and cannot inherit them. */
function style() {
  const page = getComputedStyle(document.documentElement);
  const colour = (name) => page.getPropertyValue(name).trim();
  return {
    base: {
      backgroundColor: colour("--paper"),
      color: colour("--ink"),
      fontFamily: "system-ui, sans-serif",
      fontSize: "16px",
      iconColor: colour("--quiet"),
      "::placeholder": { color: colour("--quiet") },
    },
    invalid: { color: colour("--danger"), iconColor: colour("--danger") },
  };
}

export class AddCard {
  #api;
  #stripe;

  /** Other stand-ins for Stripe.js have elements that can only be mounted and destroyed: the page can do without the rest. */
  #card;

  #onSaved;
  #busy = false;
  #ended = new AbortController();

  /** What has been begun for the card in the fields, so that trying again goes on where it stopped. */
  #attempt = {};

  constructor({ api, stripe, onSaved }) {
    this.#api = api;
    this.#stripe = stripe;
    this.#onSaved = onSaved;
    this.#card = stripe.elements().create("card", { hidePostalCode: true, style: style() });
    this.#card.on("change", (event) => {
      // Another card is another attempt, unless it can be tried with the same setup intent.
      if (this.#attempt.method || this.#attempt.uncertain) this.#attempt = {};
      this.#complain(event?.error?.message ?? "");
    });
    this.#card.mount("#card-element");
    const { signal } = this.#ended;
    form.addEventListener("submit", (event) => this.#submit(event), { signal });
    element("card-label").addEventListener("click", () => this.#card.focus?.(), { signal });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#card.update?.({ style: style() }), { signal });
    form.reset();
    this.#complain("");
    outcome.textContent = "";
    this.#setBusy(false);
  }

  end() {
    this.#ended.abort();
    this.#card.destroy();
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#busy) return;
    this.#setBusy(true);
    this.#complain("");
    outcome.textContent = "";
    try {
      const card = await this.#add();
      if (this.#ended.signal.aborted || !card) return;
      this.#attempt = {};
      this.#card.clear?.();
      form.reset();
      outcome.textContent = `${described(card)} was saved.`;
      this.#onSaved(card);
    } catch (error) {
      if (!this.#ended.signal.aborted) this.#complain(error.message);
    } finally {
      if (!this.#ended.signal.aborted) this.#setBusy(false);
    }
  }

  /** The saved card, or nothing when it was refused and the user has been told. */
  async #add() {
    const attempt = this.#attempt;
    if (!attempt.method) attempt.method = await this.#confirm(attempt);
    if (!attempt.method) return null;
    attempt.saveKey ??= crypto.randomUUID();
    try {
      return await this.#api.save(attempt.method, attempt.saveKey);
    } catch (error) {
      // A method that was refused for good is not offered again; the card may be, with another setup intent.
      if (!error.mayPass) this.#attempt = {};
      throw error;
    }
  }

  /** The id of the method that Stripe.js verified, or nothing. */
  async #confirm(attempt) {
    if (!attempt.secret) {
      attempt.intentKey ??= crypto.randomUUID();
      attempt.secret = (await this.#api.createSetupIntent(attempt.intentKey)).client_secret;
    }
    if (attempt.uncertain) {
      const { setupIntent } = await this.#stripe.retrieveSetupIntent(attempt.secret);
      if (setupIntent?.status === "succeeded") return setupIntent.payment_method;
    }
    const name = form.elements.name.value.trim();
    const { setupIntent, error } = await this.#stripe.confirmCardSetup(attempt.secret, {
      payment_method: { card: this.#card, billing_details: name ? { name } : {} },
    });
    if (this.#ended.signal.aborted) return null;
    if (setupIntent?.status === "succeeded") return setupIntent.payment_method;
    attempt.uncertain = error?.type === "api_connection_error" || error?.type === "api_error";
    if (!attempt.uncertain && !isOpen(error)) this.#attempt = {};
    this.#complain(error ? words(error) : "The bank has not decided yet. Look at the list again later.");
    if (error?.type === "validation_error") this.#card.focus?.();
    return null;
  }

  #complain(text) {
    fault.textContent = text;
  }

  #setBusy(busy) {
    this.#busy = busy;
    form.setAttribute("aria-busy", String(busy));
    button.setAttribute("aria-disabled", String(busy));
    button.textContent = busy ? "Adding the card…" : "Add card";
  }
}
