// The demo page: whose cards are shown, and with which Stripe.js. What it does with cards is in the modules beside it.

import { AccountApi, ApiError } from "./api.js";
import { AddCard } from "./add-card.js";
import { SavedCards } from "./saved-cards.js";

/** Whose cards a reload of the page shows again. */
const REMEMBERED = "billfold-demo-user";

const element = (id) => document.getElementById(id);

let config = null;
let session = null;
let sessions = 0;

async function readConfig() {
  try {
    const response = await fetch("/demo/config.json", { cache: "no-store" });
    if (response.ok) return await response.json();
  } catch {
    // No answer is told like a wrong one.
  }
  throw new ApiError("The demo's settings could not be read from the server. Is billfold dev running?", 0);
}

async function freshToken(id) {
  config = await readConfig();
  return config.users.find((user) => user.id === id)?.token;
}

let stripeJs = null;

/** Stripe.js from the address that the server names: Stripe's own, or the sandbox's stand-in. */
function loadStripeJs() {
  stripeJs ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = config.stripeJs;
    script.addEventListener("load", () => resolve(window.Stripe(config.publishableKey)));
    script.addEventListener("error", () => {
      script.remove();
      stripeJs = null;
      reject(new Error(`Stripe.js could not be loaded from ${config.stripeJs}.`));
    });
    document.head.append(script);
  });
  return stripeJs;
}

function show(view) {
  for (const id of ["sign-in", "account"]) element(id).hidden = id !== view;
  element("signed-in").hidden = view !== "account";
}

function signIn(user) {
  sessionStorage.setItem(REMEMBERED, user.id);
  const api = new AccountApi(user.token, () => freshToken(user.id));
  const cards = new SavedCards(api);
  session = { number: ++sessions, api, cards, form: null };
  element("user-name").textContent = user.name;
  element("account-heading").textContent = `${user.name}'s cards`;
  document.title = `${user.name}'s cards: Billfold demo`;
  show("account");
  cards.load();
  showForm(session);
}

/** The form waits for Stripe.js; the list does not. */
async function showForm(of) {
  const failed = element("stripe-error");
  failed.hidden = true;
  element("add").hidden = false;
  try {
    const stripe = await loadStripeJs();
    if (session !== of) return;
    of.form = new AddCard({ api: of.api, stripe, onSaved: (card) => of.cards.load(card.id) });
  } catch (error) {
    if (session !== of) return;
    element("add").hidden = true;
    failed.hidden = false;
    failed.firstElementChild.textContent = `${error.message} Cards can be shown and removed, but not added.`;
  }
}

function signOut() {
  session?.form?.end();
  session?.cards.end();
  session = null;
  sessionStorage.removeItem(REMEMBERED);
  document.title = "Billfold demo";
  show("sign-in");
  element("sign-in-heading").focus();
}

function offer(users) {
  const buttons = users.map((user) => {
    const button = document.createElement("button");
    button.type = "button";
    const name = document.createElement("strong");
    name.textContent = user.name;
    const id = document.createElement("code");
    id.textContent = user.id;
    button.append(name, " ", id);
    button.addEventListener("click", () => {
      signIn(user);
      element("account-heading").focus();
    });
    return button;
  });
  element("users").replaceChildren(...buttons);
}

async function start() {
  const state = element("sign-in-state");
  const retry = element("sign-in-retry");
  retry.hidden = true;
  state.textContent = "";
  try {
    config = await readConfig();
  } catch (error) {
    show("sign-in");
    state.textContent = error.message;
    retry.hidden = false;
    return;
  }
  element("stripe-js").textContent = config.stripeJs;
  offer(config.users);
  const remembered = config.users.find((user) => user.id === sessionStorage.getItem(REMEMBERED));
  if (remembered) signIn(remembered);
  else show("sign-in");
}

element("sign-out").addEventListener("click", signOut);
// These buttons go when they are pressed, and must not take the focus along.
element("sign-in-retry").addEventListener("click", () => {
  element("sign-in-heading").focus();
  start();
});
element("stripe-retry").addEventListener("click", () => {
  element("add-heading").focus();
  showForm(session);
});
start();
