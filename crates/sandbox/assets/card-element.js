// The card element's frame: card numbers are typed here and go from here to the sandbox. The page learns only whether the
// fields are whole, the brand, and what the sandbox answered.

import { send } from "./api.js";
import { brand, digits, judge, monthAndYear, written } from "./card-fields.js";

const group = document.getElementById("card");
const ORDER = ["number", "expiry", "cvc", "postal"];
const inputs = Object.fromEntries(ORDER.map((name) => [name, document.getElementById(name)]));

/** Fields whose faults may be shown: the reader has left them, or has sent them. */
const visited = new Set();

let port = null;
let asksPostal = true;
let lastChange = "";

const tell = (event, detail) => port?.postMessage({ event, detail });
const asked = () => ORDER.filter((name) => name !== "postal" || asksPostal);

function verdicts() {
  const texts = Object.fromEntries(ORDER.map((name) => [name, inputs[name].value]));
  return judge(texts, new Date());
}

function state() {
  const judged = verdicts();
  const shown = asked().filter((name) => {
    const { error, final } = judged[name];
    return error && (final || (visited.has(name) && inputs[name].value !== ""));
  });
  for (const name of ORDER) inputs[name].setAttribute("aria-invalid", String(shown.includes(name)));
  return {
    empty: asked().every((name) => inputs[name].value === ""),
    complete: asked().every((name) => !judged[name].error),
    error: judged[shown[0]]?.error,
    brand: brand(digits(inputs.number.value)),
    value: { postalCode: asksPostal ? inputs.postal.value : "" },
  };
}

/** Tells the page of a change, when there is one. */
function report() {
  const now = state();
  const text = JSON.stringify(now);
  if (text === lastChange) return;
  lastChange = text;
  tell("change", now);
}

function neighbour(name, step) {
  const fields = asked();
  return inputs[fields[fields.indexOf(name) + step]];
}

function typed(name, deleting) {
  const input = inputs[name];
  const fromEnd = input.value.length - input.selectionEnd;
  // The stroke between month and year goes with the digit before it, and would come back at once.
  const text = deleting && name === "expiry" ? input.value.replace(/ \/? ?$/, "") : written(name, input.value, inputs.number.value);
  input.value = text;
  const caret = Math.max(0, text.length - fromEnd);
  input.setSelectionRange(caret, caret);
  report();
  if (!deleting && fromEnd === 0 && verdicts()[name].full) neighbour(name, 1)?.focus();
}

for (const name of ORDER) {
  const input = inputs[name];
  input.addEventListener("input", (event) => typed(name, event.inputType?.startsWith("delete") ?? false));
  input.addEventListener("blur", () => {
    visited.add(name);
    report();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Backspace" && input.value === "") {
      const before = neighbour(name, -1);
      if (!before) return;
      event.preventDefault();
      before.focus();
    } else if (event.key === "Escape") {
      tell("escape", {});
    } else if (event.key === "Enter") {
      event.preventDefault();
      tell("submit");
    }
  });
}

// Moving from one field to the next is no event of the element.
group.addEventListener("focusin", (event) => {
  if (!group.contains(event.relatedTarget)) tell("focus", {});
});
group.addEventListener("focusout", (event) => {
  if (!group.contains(event.relatedTarget)) tell("blur", {});
});

/** Properties of the element's style option, by the name of what they set here. */
const STYLES = {
  "--background-color": ["base", "backgroundColor"],
  "--color": ["base", "color"],
  "--font-family": ["base", "fontFamily"],
  "--font-size": ["base", "fontSize"],
  "--font-weight": ["base", "fontWeight"],
  "--icon-color": ["base", "iconColor"],
  "--invalid-color": ["invalid", "color"],
  "--letter-spacing": ["base", "letterSpacing"],
  "--line-height": ["base", "lineHeight"],
  "--placeholder-color": ["base", "::placeholder", "color"],
};

function apply({ style = {}, hidePostalCode = false, disabled = false }) {
  for (const [property, path] of Object.entries(STYLES)) {
    const value = path.reduce((found, name) => found?.[name], style);
    // A height in pixels would not follow the size of the letters.
    if (property === "--line-height" && Number.isNaN(Number(value))) continue;
    if (value !== undefined) document.documentElement.style.setProperty(property, value);
  }
  asksPostal = !hidePostalCode;
  inputs.postal.hidden = hidePostalCode;
  for (const name of ORDER) inputs[name].disabled = disabled;
}

/** The card, or the first fault, which is then shown. */
function card() {
  for (const name of asked()) visited.add(name);
  const judged = verdicts();
  const wrong = asked().find((name) => judged[name].error);
  if (wrong) {
    report();
    return { error: judged[wrong].error };
  }
  const { month, year } = monthAndYear(inputs.expiry.value);
  return { number: digits(inputs.number.value), exp_month: month, exp_year: year, cvc: inputs.cvc.value };
}

/** The card and what the page says of its owner, as Stripe takes them. */
function method(details, known) {
  const postal = asksPostal ? { address: { postal_code: inputs.postal.value } } : {};
  const billing = { ...postal, ...details.billing_details };
  return { ...details, type: "card", card: known, billing_details: billing };
}

/** The fields stay readable and keep the focus while a request is under way, but cannot be changed. */
async function withFieldsHeld(work) {
  for (const name of ORDER) inputs[name].readOnly = true;
  try {
    return await work();
  } finally {
    for (const name of ORDER) inputs[name].readOnly = false;
  }
}

const ORDERS = {
  update: apply,
  focus: () => (asked().map((name) => inputs[name]).find((input) => input.value === "") ?? inputs.number).focus(),
  blur: () => document.activeElement?.blur(),
  clear: () => {
    for (const name of ORDER) inputs[name].value = "";
    visited.clear();
    report();
  },
  confirm: ({ account, path, fields, details }) => {
    const known = card();
    if (known.error) return known;
    return send(account, "POST", path, { ...fields, payment_method_data: method(details, known) });
  },
  createPaymentMethod: ({ account, fields }) => {
    const known = card();
    if (known.error) return known;
    return send(account, "POST", "/v1/payment_methods", method(fields, known));
  },
};

async function obey({ order, detail, call }) {
  const result = call === undefined ? ORDERS[order](detail) : await withFieldsHeld(() => ORDERS[order](detail));
  if (call !== undefined) port.postMessage({ call, result });
}

window.addEventListener("message", (event) => {
  if (event.source !== window.parent || port || !event.ports[0]) return;
  [port] = event.ports;
  apply(event.data.options ?? {});
  new ResizeObserver(() => tell("height", group.offsetHeight + 2)).observe(group);
  port.onmessage = ({ data }) => obey(data);
  lastChange = JSON.stringify(state());
  tell("ready", {});
});
