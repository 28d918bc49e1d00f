// The list of saved cards: loading, paging, and removing one.

import { brandMark, brandName } from "./brands.js";

/** How many cards a page shows. The account API gives them all at once; the page cuts them up. */
const PAGE = 5;

const element = (id) => document.getElementById(id);

const list = element("list");
const cards = element("cards");
const heading = element("list-heading");
const outcome = element("list-outcome");
const pager = element("pager");
const dialog = element("confirm");

/** A card in words. */
export function described(card) {
  return `${brandName(card.brand)} ending in ${card.last4}`;
}

function hasExpired(card, now = new Date()) {
  return new Date(card.exp_year, card.exp_month) <= now;
}

/** Buttons that can do nothing now keep their place in the order of the keyboard. */
function allow(button, allowed) {
  button.setAttribute("aria-disabled", String(!allowed));
}

const allowed = (button) => button.getAttribute("aria-disabled") !== "true";

export class SavedCards {
  #api;
  #all = [];
  #first = 0;
  #fresh = null;
  #ended = new AbortController();
  #loads = 0;
  #asked = null;

  constructor(api) {
    this.#api = api;
    const signal = this.#ended.signal;
    const when = (id, work) => element(id).addEventListener("click", work, { signal });
    // Not the dialog's `close`: that comes a moment later, when it may have been opened again for another card.
    const answered = ({ submitter }) => submitter.value === "remove" && this.#remove(this.#asked);
    dialog.querySelector("form").addEventListener("submit", answered, { signal });
    when("refresh", () => this.#refresh());
    when("list-retry", () => {
      // The button goes with what it belongs to, and must not take the focus along.
      heading.focus();
      this.load();
    });
    when("newer", ({ currentTarget }) => allowed(currentTarget) && this.#turn(-PAGE));
    when("older", ({ currentTarget }) => allowed(currentTarget) && this.#turn(PAGE));
    outcome.textContent = "";
    cards.replaceChildren();
    pager.hidden = true;
  }

  end() {
    this.#ended.abort();
    if (dialog.open) dialog.close();
  }

  /** Reads the cards anew and shows the first page, with the card of that id marked as new. */
  async load(fresh = null) {
    const load = ++this.#loads;
    list.setAttribute("aria-busy", "true");
    element("list-loading").hidden = cards.childElementCount > 0;
    element("list-empty").hidden = true;
    element("list-error").hidden = true;
    let failure = null;
    try {
      const all = await this.#api.list();
      if (!this.#isCurrent(load)) return false;
      this.#all = all;
      this.#fresh = fresh;
      this.#first = fresh ? 0 : this.#first;
    } catch (error) {
      if (!this.#isCurrent(load)) return false;
      failure = error;
    }
    element("list-loading").hidden = true;
    list.setAttribute("aria-busy", "false");
    if (failure) this.#showFailure(failure);
    else this.#show();
    return !failure;
  }

  /** An answer counts only while nothing newer was asked and the user is still signed in. */
  #isCurrent(load) {
    return load === this.#loads && !this.#ended.signal.aborted;
  }

  async #refresh() {
    outcome.textContent = "";
    if (await this.load()) outcome.textContent = "The list is up to date.";
  }

  #showFailure(failure) {
    cards.replaceChildren();
    pager.hidden = true;
    outcome.textContent = "";
    const box = element("list-error");
    box.hidden = false;
    box.firstElementChild.textContent = `The cards could not be loaded. ${failure.message}`;
  }

  #show() {
    const count = this.#all.length;
    const lastPage = Math.max(0, Math.floor((count - 1) / PAGE) * PAGE);
    this.#first = Math.min(this.#first, lastPage);
    const page = this.#all.slice(this.#first, this.#first + PAGE);
    cards.replaceChildren(...page.map((card) => this.#row(card)));
    element("list-empty").hidden = count > 0;
    pager.hidden = count <= PAGE;
    element("position").textContent = `${this.#first + 1} to ${this.#first + page.length} of ${count}`;
    allow(element("newer"), this.#first > 0);
    allow(element("older"), this.#first + PAGE < count);
  }

  #turn(step) {
    this.#first += step;
    this.#fresh = null;
    outcome.textContent = "";
    this.#show();
  }

  #row(card) {
    const row = element("card-row").content.cloneNode(true).firstElementChild;
    const expired = hasExpired(card);
    row.classList.toggle("fresh", card.id === this.#fresh);
    row.querySelector(".mark").append(brandMark(card.brand));
    row.querySelector("strong").textContent = brandName(card.brand);
    row.querySelector(".last4").textContent = `ending in ${card.last4}`;
    const month = String(card.exp_month).padStart(2, "0");
    row.querySelector(".when").textContent = `${expired ? "Expired" : "Expires"} ${month}/${card.exp_year}`;
    row.querySelector(".when").classList.toggle("expired", expired);
    const remove = row.querySelector(".remove");
    remove.setAttribute("aria-label", `Remove ${described(card)}`);
    remove.addEventListener("click", () => this.#ask(card));
    return row;
  }

  /** Asks first: what is removed is detached at Stripe, which nothing takes back. */
  #ask(card) {
    element("confirm-text").textContent =
      `${described(card)} will be detached at Stripe and deleted here. To use it later it must be added again.`;
    this.#asked = card;
    dialog.showModal();
  }

  async #remove(card) {
    outcome.textContent = `Removing ${described(card)}…`;
    let words = `${described(card)} was removed.`;
    try {
      await this.#api.remove(card.id, crypto.randomUUID());
    } catch (error) {
      // It went in another window, or on the project's side. What the user wanted is so.
      if (error.status === 410) words = `${described(card)} had been removed already.`;
      else {
        if (!this.#ended.signal.aborted) outcome.textContent = `${described(card)} is still there. ${error.message}`;
        return;
      }
    }
    if (this.#ended.signal.aborted) return;
    const place = this.#all.findIndex(({ id }) => id === card.id);
    this.#all = this.#all.filter(({ id }) => id !== card.id);
    this.#fresh = null;
    this.#show();
    this.#focusAt(place - this.#first);
    outcome.textContent = words;
  }

  /** The focus goes to what took the place of a row that has gone, so that it is not lost with it. */
  #focusAt(place) {
    const buttons = [...cards.querySelectorAll(".remove")];
    (buttons[Math.max(0, Math.min(place, buttons.length - 1))] ?? heading).focus();
  }
}
