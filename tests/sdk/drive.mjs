// Drives a running sandbox through every endpoint with Stripe's official Node SDK.
//
// Usage: node drive.mjs http://127.0.0.1:8090
//
// Each run uses account keys of its own, so that it can be repeated on one sandbox. Any parse error, unexpected error
// or wrong answer ends it with a non-zero status.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import Stripe from "stripe";

const version = "2026-06-24.dahlia";
const waitMilliseconds = 20_000;

const base = new URL(process.argv[2] ?? process.env.SANDBOX_URL);
const ending = randomBytes(8).toString("hex");
const settings = {
  apiVersion: version,
  host: base.hostname,
  port: base.port,
  protocol: "http",
  maxNetworkRetries: 0,
  telemetry: false,
};
const client = new Stripe(`sk_test_${ending}`, settings);
const browser = new Stripe(`pk_test_${ending}`, settings);

async function refused(promise, type, members) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.type, type, error.message);
    for (const [name, wanted] of Object.entries(members)) assert.equal(error[name], wanted, error.message);
    return true;
  });
}

async function collect(list) {
  const items = [];
  for await (const item of list) items.push(item.id);
  return items;
}

async function control(method, path) {
  const response = await fetch(new URL(`/_sandbox/${path}`, base), { method });
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

async function customers() {
  const customer = await client.customers.create({
    email: "jenny@example.com",
    metadata: { user: "u1" },
    preferred_locales: ["en", "de"],
  });
  assert.deepEqual(customer.metadata, { user: "u1" });
  assert.deepEqual(customer.preferred_locales, ["en", "de"]);
  assert.equal((await client.customers.retrieve(customer.id)).email, "jenny@example.com");
  assert.equal((await client.customers.update(customer.id, { name: "Jenny" })).name, "Jenny");
  assert.deepEqual(await collect(client.customers.list({ email: "jenny@example.com" })), [customer.id]);
  for (let number = 0; number < 5; number += 1) await client.customers.create();
  assert.equal((await collect(client.customers.list({ limit: 2 }))).length, 6);
  const carded = await client.customers.create({ payment_method: "pm_card_amex" });
  assert.equal((await client.customers.listPaymentMethods(carded.id)).data[0].card.brand, "amex");
  await refused(client.customers.create({ payment_method: "pm_card_chargeDeclinedExpiredCard" }), "StripeCardError", {
    code: "expired_card",
    param: "exp_month",
    statusCode: 402,
  });
  await refused(client.customers.retrieve("cus_missing"), "StripeInvalidRequestError", {
    code: "resource_missing",
    statusCode: 404,
  });
  assert.equal((await client.customers.del(carded.id)).deleted, true);
  assert.equal((await client.customers.retrieve(carded.id)).deleted, true);
  return customer;
}

async function paymentMethods(customer) {
  const card = { number: "4242424242424242", exp_month: 12, exp_year: 2040, cvc: "314" };
  const method = await browser.paymentMethods.create({ type: "card", card });
  assert.equal(method.card.last4, "4242");
  const wallet = await client.paymentMethods.create({ type: "card", card: { token: "tok_googlePay_visa" } });
  assert.equal(wallet.card.wallet.type, "google_pay");
  assert.equal((await client.paymentMethods.retrieve("pm_card_jcb")).card.brand, "jcb");
  const attached = await client.paymentMethods.attach(method.id, { customer: customer.id });
  assert.equal(attached.customer, customer.id);
  await client.paymentMethods.attach(wallet.id, { customer: customer.id });
  await refused(client.paymentMethods.attach(method.id, { customer: customer.id }), "StripeInvalidRequestError", {
    code: undefined,
    statusCode: 400,
  });
  const updated = await client.paymentMethods.update(method.id, { card: { exp_month: 3 }, metadata: { a: "b" } });
  assert.equal(updated.card.exp_month, 3);
  assert.deepEqual(await collect(client.paymentMethods.list({ customer: customer.id, limit: 1 })), [wallet.id, method.id]);
  const one = await client.customers.retrievePaymentMethod(customer.id, method.id);
  assert.equal(one.id, method.id);
  assert.equal((await client.paymentMethods.detach(wallet.id)).customer, null);
  await refused(client.paymentMethods.detach(wallet.id), "StripeInvalidRequestError", { statusCode: 400 });
  await refused(
    browser.paymentMethods.create({ type: "card", card: { ...card, number: "4242424242424241" } }),
    "StripeCardError",
    { code: "incorrect_number", param: "number" },
  );
}

async function setupIntents(customer) {
  const base = { payment_method_types: ["card"], usage: "off_session", customer: customer.id };
  const intent = await client.setupIntents.create(base);
  assert.equal(intent.status, "requires_payment_method");
  assert.equal((await client.setupIntents.update(intent.id, { description: "first" })).description, "first");
  const done = await browser.setupIntents.confirm(intent.id, {
    client_secret: intent.client_secret,
    use_stripe_sdk: true,
    payment_method_data: { type: "card", card: { number: "5555555555554444", exp_month: 1, exp_year: 2040, cvc: "123" } },
  });
  assert.equal(done.status, "succeeded");
  const expanded = await client.setupIntents.retrieve(intent.id, { expand: ["payment_method", "customer"] });
  assert.equal(expanded.payment_method.customer, customer.id);
  assert.equal(expanded.customer.id, customer.id);
  await refused(client.setupIntents.cancel(intent.id), "StripeInvalidRequestError", {
    code: "setup_intent_unexpected_state",
  });
  const challenge = { ...base, payment_method: "pm_card_authenticationRequired", confirm: true };
  const first = await client.setupIntents.create(challenge);
  assert.equal(first.next_action.use_stripe_sdk.type, "three_d_secure_redirect");
  const passed = await browser.setupIntents.confirm(first.id, { client_secret: first.client_secret });
  assert.equal(passed.status, "succeeded");
  const second = await client.setupIntents.create(challenge);
  await control("POST", `setup_intents/${second.id}/fail`);
  const failed = await client.setupIntents.retrieve(second.id);
  assert.equal(failed.last_setup_error.code, "setup_intent_authentication_failure");
  assert.equal((await client.setupIntents.cancel(second.id)).status, "canceled");
  await assert.rejects(
    client.setupIntents.create({ ...base, payment_method: "pm_card_visa_chargeDeclined", confirm: true }),
    (error) => {
      assert.equal(error.type, "StripeCardError");
      assert.equal(error.decline_code, "generic_decline");
      assert.equal(error.setup_intent.status, "requires_payment_method");
      assert.equal(error.payment_method.card.last4, "0002");
      return true;
    },
  );
  assert.equal((await collect(client.setupIntents.list({ customer: customer.id, limit: 2 }))).length, 4);
}

async function accounts() {
  const own = await client.accounts.retrieveCurrent();
  assert.equal((await client.accounts.retrieve(own.id)).id, own.id);
  const options = { stripeAccount: `acct_${ending}` };
  const there = await client.customers.create({ email: "there@example.com" }, options);
  await refused(client.customers.retrieve(there.id), "StripeInvalidRequestError", { statusCode: 404 });
  const stranger = new Stripe(`sk_test_${ending}x`, settings);
  await refused(stranger.customers.list({}, options), "StripePermissionError", { statusCode: 403 });
  await refused(browser.customers.list(), "StripePermissionError", { code: "secret_key_required" });
  await refused(new Stripe("sk_live_0123456789", settings).customers.list(), "StripeAuthenticationError", {});
}

async function idempotency() {
  const options = { idempotencyKey: randomBytes(16).toString("hex") };
  const first = await client.customers.create({ name: "once" }, options);
  const again = await client.customers.create({ name: "once" }, options);
  assert.equal(first.id, again.id);
  assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
  await refused(client.customers.create({ name: "twice" }, options), "StripeIdempotencyError", { statusCode: 400 });
}

async function webhooks() {
  let received;
  const arrived = new Promise((resolve, reject) => {
    received = resolve;
    setTimeout(() => reject(new Error("no webhook arrived")), waitMilliseconds).unref();
  });
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      response.end();
      received({ body: Buffer.concat(chunks), signature: request.headers["stripe-signature"] });
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = await client.webhookEndpoints.create({
    url: `http://127.0.0.1:${server.address().port}/hook`,
    enabled_events: ["customer.*"],
  });
  const customer = await client.customers.create({ email: "hook@example.com" });
  const { body, signature } = await arrived;
  const event = client.webhooks.constructEvent(body, signature, endpoint.secret);
  assert.equal(event.type, "customer.created");
  assert.equal(event.data.object.id, customer.id);
  assert.throws(() => client.webhooks.constructEvent(body, signature, "whsec_wrong"));
  assert.equal((await client.events.retrieve(event.id)).id, event.id);
  assert.equal((await client.events.list({ types: ["customer.created"], limit: 1 })).data[0].id, event.id);
  assert.equal((await client.webhookEndpoints.retrieve(endpoint.id)).secret, undefined);
  assert.deepEqual(await collect(client.webhookEndpoints.list()), [endpoint.id]);
  assert.equal((await client.webhookEndpoints.update(endpoint.id, { disabled: true })).status, "disabled");
  assert.equal((await client.webhookEndpoints.del(endpoint.id)).deleted, true);
  server.closeAllConnections();
  server.close();
}

const customer = await customers();
await paymentMethods(customer);
await setupIntents(customer);
await accounts();
await idempotency();
await webhooks();
console.log(`stripe-node ${Stripe.PACKAGE_VERSION}: every endpoint answered as expected`);
