// The sandbox's stand-in for Stripe.js, in the page: what a page that collects cards calls of https://js.stripe.com/v3/.
//
// A card's number is typed into a frame of the sandbox's own and never comes here. Frames are told what to do over a
// message port, and answer over it with what Stripe would answer.
(() => {
  "use strict";

  const base = new URL(document.currentScript.src);
  const address = (name) => new URL(name, base).href;
  const api = import(address("api.js"));

  class IntegrationError extends Error {
    name = "IntegrationError";
  }

  /** A frame of the sandbox's and the port to it. Calls wait until the frame has loaded. */
  class Frame {
    #calls = new Map();
    #last = 0;

    constructor(name, title, options, onEvent) {
      this.element = document.createElement("iframe");
      this.element.title = title;
      this.element.src = address(name);
      Object.assign(this.element.style, { border: "0", display: "block", width: "100%" });
      const { port1, port2 } = new MessageChannel();
      this.port = port1;
      this.port.onmessage = ({ data }) => {
        if (data.event) return onEvent(data.event, data.detail);
        this.#calls.get(data.call)?.(data.result);
        this.#calls.delete(data.call);
      };
      const begin = () => this.element.contentWindow.postMessage({ options }, base.origin, [port2]);
      this.element.addEventListener("load", begin, { once: true });
    }

    tell(order, detail) {
      this.port.postMessage({ order, detail });
    }

    ask(order, detail) {
      const call = ++this.#last;
      this.port.postMessage({ order, detail, call });
      return new Promise((resolve) => this.#calls.set(call, resolve));
    }

    /** Calls that are still open end as when a connection breaks: the request may have been sent. */
    remove() {
      this.element.remove();
      const error = { type: "api_connection_error", message: "The element was unmounted before the answer came." };
      for (const resolve of this.#calls.values()) resolve({ error });
      this.#calls.clear();
      this.port.close();
    }
  }

  const EVENTS = ["ready", "change", "focus", "blur", "escape", "loaderror"];

  /** How long a frame may take to say that it is ready. */
  const FRAME_TIME = 10_000;

  class CardElement {
    #listeners = new Map(EVENTS.map((name) => [name, new Set()]));
    #options;
    #frame = null;
    #container = null;
    #elements;
    #readyIn;
    #destroyed = false;

    constructor(elements, options) {
      this.#elements = elements;
      this.#options = options;
    }

    on(name, listener) {
      const listeners = this.#listeners.get(name);
      if (!listeners) throw new IntegrationError(`The card element has no event ${name}; it has ${EVENTS.join(", ")}.`);
      listeners.add(listener);
      return this;
    }

    once(name, listener) {
      const first = (event) => {
        this.off(name, first);
        listener(event);
      };
      return this.on(name, first);
    }

    off(name, listener) {
      if (listener) this.#listeners.get(name)?.delete(listener);
      else this.#listeners.get(name)?.clear();
      return this;
    }

    mount(target) {
      if (this.#destroyed) throw new IntegrationError("This element was destroyed: create another.");
      const container = typeof target === "string" ? document.querySelector(target) : target;
      if (!(container instanceof Element)) {
        throw new IntegrationError(`There is nothing to mount the element on: ${target} is not in the page.`);
      }
      if (this.#frame && this.#container === container) return this;
      this.unmount();
      this.#container = container;
      this.#frame = new Frame("card-element.html", "Card details", this.#options, (event, detail) =>
        this.#hear(event, detail),
      );
      // A frame whose colour scheme differs from its document's is painted opaque; the frame's document is light.
      Object.assign(this.#frame.element.style, { colorScheme: "light", height: "1.5em" });
      container.replaceChildren(this.#frame.element);
      this.#mark({ empty: true });
      this.#readyIn = setTimeout(() => {
        const error = { type: "api_connection_error", message: "The sandbox did not give the card's frame." };
        this.#emit("loaderror", { elementType: "card", error });
      }, FRAME_TIME);
      return this;
    }

    unmount() {
      clearTimeout(this.#readyIn);
      this.#frame?.remove();
      this.#frame = null;
      this.#mark(null);
      this.#container = null;
    }

    destroy() {
      this.unmount();
      this.#destroyed = true;
      this.#elements.forget(this);
    }

    update(options) {
      this.#options = { ...this.#options, ...options };
      this.#frame?.tell("update", this.#options);
    }

    focus() {
      this.#frame?.element.focus();
      this.#frame?.tell("focus");
    }

    blur() {
      this.#frame?.tell("blur");
    }

    clear() {
      this.#frame?.tell("clear");
    }

    /** Lets the frame send the card. Not of Stripe's interface. */
    send(order, detail) {
      if (!this.#frame) {
        throw new IntegrationError("The card element is not mounted: mount it, and leave it there until the answer comes.");
      }
      return this.#frame.ask(order, detail);
    }

    #hear(event, detail) {
      switch (event) {
        case "height":
          this.#frame.element.style.height = `${detail}px`;
          return;
        case "submit":
          this.#container.closest("form")?.requestSubmit();
          return;
        case "ready":
          clearTimeout(this.#readyIn);
          break;
        case "change":
          this.#mark({ empty: detail.empty, complete: detail.complete, invalid: Boolean(detail.error) });
          break;
        case "focus":
        case "blur":
          this.#container.classList.toggle(this.#className("focus"), event === "focus");
          break;
      }
      this.#emit(event, { elementType: "card", ...detail });
    }

    #emit(name, event) {
      for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(event);
    }

    #className(state) {
      return this.#options.classes?.[state] ?? (state === "base" ? "StripeElement" : `StripeElement--${state}`);
    }

    /** The container's classes, by which a page shows the element's state; `null` takes them away. */
    #mark(state) {
      const classes = this.#container?.classList;
      classes?.toggle(this.#className("base"), state !== null);
      for (const name of ["empty", "complete", "invalid"]) classes?.toggle(this.#className(name), Boolean(state?.[name]));
      if (state === null) classes?.remove(this.#className("focus"));
    }
  }

  class Elements {
    #card = null;

    create(type, options = {}) {
      if (type !== "card") throw new IntegrationError(`This stand-in has the element card only, not ${type}.`);
      if (this.#card) throw new IntegrationError("Elements can have one card element: destroy the first, or take it by getElement.");
      this.#card = new CardElement(this, options);
      return this.#card;
    }

    getElement(type) {
      return type === "card" || type === CardElement ? this.#card : null;
    }

    forget(element) {
      if (this.#card === element) this.#card = null;
    }
  }

  /** What a publishable key sees of a setup intent at Stripe. */
  const VISIBLE = [
    "id", "object", "automatic_payment_methods", "cancellation_reason", "client_secret", "created", "description",
    "last_setup_error", "livemode", "next_action", "payment_method", "payment_method_configuration_details",
    "payment_method_types", "status", "usage",
  ];

  function visible(intent) {
    return Object.fromEntries(VISIBLE.map((name) => [name, intent[name] ?? null]));
  }

  function setupIntentResult({ object, error }) {
    if (object) return { setupIntent: visible(object) };
    return { error: error.setup_intent ? { ...error, setup_intent: visible(error.setup_intent) } : error };
  }

  function intentOf(clientSecret) {
    const found = /^(seti_\w+)_secret_\w+$/.exec(clientSecret);
    if (!found) throw new IntegrationError("A setup intent's client secret looks like seti_…_secret_….");
    return { id: found[1], path: `/v1/setup_intents/${found[1]}`, clientSecret };
  }

  class StripeStandIn {
    #account;

    constructor(key, options) {
      this.#account = { key, connected: options.stripeAccount };
    }

    elements() {
      return new Elements();
    }

    async createPaymentMethod(first, element, data) {
      const given = typeof first === "string" ? { ...data, type: first, card: element } : first;
      const { card, ...fields } = given;
      const { object, error } =
        card instanceof CardElement
          ? await card.send("createPaymentMethod", { account: this.#account, fields })
          : await this.#send("POST", "/v1/payment_methods", given);
      return error ? { error } : { paymentMethod: object };
    }

    async retrieveSetupIntent(clientSecret) {
      const intent = intentOf(clientSecret);
      return setupIntentResult(await this.#send("GET", intent.path, { client_secret: clientSecret }));
    }

    async confirmCardSetup(clientSecret, data = {}, { handleActions = true } = {}) {
      const intent = intentOf(clientSecret);
      if (!data.payment_method) {
        // To the sandbox, a second confirmation with nothing new is the owner's passing the challenge.
        const current = await this.retrieveSetupIntent(clientSecret);
        if (current.error || current.setupIntent.status === "requires_action") {
          return handleActions ? this.#handle(current, intent) : current;
        }
      }
      const result = setupIntentResult(await this.#confirm(intent, data));
      return handleActions ? this.#handle(result, intent) : result;
    }

    async handleNextAction({ clientSecret }) {
      return this.#handle(await this.retrieveSetupIntent(clientSecret), intentOf(clientSecret));
    }

    async #send(method, path, fields) {
      return (await api).send(this.#account, method, path, fields);
    }

    #confirm(intent, { payment_method: method, ...others }) {
      const fields = { ...others, client_secret: intent.clientSecret, use_stripe_sdk: true };
      const path = `${intent.path}/confirm`;
      if (method === undefined || typeof method === "string") {
        return this.#send("POST", path, { ...fields, payment_method: method });
      }
      const { card, ...details } = method;
      if (card instanceof CardElement) {
        return card.send("confirm", { account: this.#account, path, fields, details });
      }
      return this.#send("POST", path, { ...fields, payment_method_data: { ...details, type: "card", card } });
    }

    /** Shows the challenge that a result asks for, if it asks for one, and tells how the intent stands after it. */
    async #handle(result, intent) {
      if (result.setupIntent?.status !== "requires_action") return result;
      const failure = await challenge(this.#account, intent);
      if (failure) return { error: failure };
      const after = await this.retrieveSetupIntent(intent.clientSecret);
      const refusal = after.setupIntent?.last_setup_error;
      return refusal ? { error: { ...refusal, setup_intent: after.setupIntent } } : after;
    }
  }

  /** Shows the bank's challenge over the whole page, until it is passed or failed. Gives the error, if there was one. */
  function challenge(account, intent) {
    const title = "Check by the card's bank";
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", title);
    const whole = { width: "100vw", height: "100vh", maxWidth: "none", maxHeight: "none" };
    Object.assign(dialog.style, whole, {
      background: "transparent", border: "0", inset: "0", margin: "0", overflow: "hidden", padding: "0", position: "fixed",
    });
    return new Promise((resolve) => {
      const end = (error) => {
        dialog.close();
        frame.remove();
        dialog.remove();
        resolve(error);
      };
      const readyIn = setTimeout(() => {
        end({ type: "api_connection_error", message: "The sandbox did not give the challenge's frame." });
      }, FRAME_TIME);
      const frame = new Frame("challenge.html", title, { account, intent }, (event, detail) => {
        if (event === "done") return end(detail.error);
        clearTimeout(readyIn);
        frame.element.focus();
      });
      // The same scheme as the frame's document, so that it stays transparent.
      Object.assign(frame.element.style, whole, { colorScheme: "light dark" });
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        frame.tell("fail");
      });
      dialog.append(frame.element);
      document.body.append(dialog);
      dialog.showModal();
    });
  }

  function Stripe(key, options = {}) {
    if (!/^pk_test_\w+$/.test(key)) {
      throw new IntegrationError("The sandbox takes a test account's publishable key only: pk_test_….");
    }
    return new StripeStandIn(key, options);
  }
  Stripe.version = 3;
  window.Stripe = Stripe;
})();
