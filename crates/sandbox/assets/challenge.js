// The frame in which a card's owner passes or fails the bank's check.

import { failChallenge, send } from "./api.js";

const heading = document.getElementById("heading");
const state = document.getElementById("state");
const buttons = [document.getElementById("pass"), document.getElementById("fail")];

let port = null;
let given = null;
let busy = false;

async function decide(words, decision) {
  if (busy || !port) return;
  busy = true;
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  state.textContent = words;
  const { error } = await decision(given);
  port.postMessage({ event: "done", detail: { error } });
}

const pass = () =>
  decide("Telling Stripe that you passed…", ({ account, intent }) =>
    send(account, "POST", `${intent.path}/confirm`, { client_secret: intent.clientSecret, use_stripe_sdk: true }),
  );
const fail = () => decide("Telling Stripe that you did not pass…", ({ intent }) => failChallenge(intent.id));

buttons[0].addEventListener("click", pass);
buttons[1].addEventListener("click", fail);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") fail();
});

window.addEventListener("message", (event) => {
  if (event.source !== window.parent || port || !event.ports[0]) return;
  [port] = event.ports;
  given = event.data.options;
  port.onmessage = ({ data }) => {
    if (data.order === "fail") fail();
  };
  port.postMessage({ event: "ready" });
  heading.focus();
});
