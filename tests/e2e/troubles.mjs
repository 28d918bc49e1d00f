// What the page says while it waits and when something does not answer. The answers are made here, not by the server.

import assert from "node:assert/strict";

const CARDS = "**/v1/account/payment-methods";

const refuse = (status, headers = {}) => (route) =>
  route.fulfill({ status, headers: { "Content-Type": "application/json", ...headers }, body: '{"message":"The service is not available now."}' });

export async function troubles(stage, step) {
  await stage.account.save(stage.url, stage.alice, ["visa"]);
  const demo = await stage.newDemo();
  const { page } = demo;

  await step("while the cards are on their way the list is busy", async () => {
    let answer;
    const held = new Promise((resolve) => (answer = resolve));
    await page.route(CARDS, async (route) => {
      await held;
      await route.continue();
    });
    await demo.open();
    await page.getByRole("button", { name: stage.alice.name }).click();
    await page.locator("#list[aria-busy=true] #list-loading:not([hidden])").waitFor();
    answer();
    await demo.settled();
    assert.deepEqual(await demo.rows(), ["Visa ending in 4242"]);
    await page.unroute(CARDS);
  });

  await step("a list that cannot be loaded says so, and can be asked for again", async () => {
    await page.route(CARDS, refuse(503, { "Retry-After": "60" }));
    stage.complaints.expect(/payment-methods: .*\b503\b/);
    await page.getByRole("button", { name: "Refresh" }).click();
    await demo.says("#list-error", "The cards could not be loaded. The service is not available now. Try again in 60 seconds.");
    await page.unroute(CARDS);
    await page.locator("#list-retry").click();
    await page.locator("#cards li").first().waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "list-heading");
  });

  await step("a short 503 is waited out", async () => {
    let refusals = 0;
    await page.route(CARDS, (route) => {
      refusals += 1;
      return refusals === 1 ? refuse(503, { "Retry-After": "1" })(route) : route.continue();
    });
    stage.complaints.expect(/payment-methods: .*\b503\b/);
    await page.getByRole("button", { name: "Refresh" }).click();
    await demo.says("#list-outcome", "The list is up to date.");
    await page.unroute(CARDS);
  });

  await step("an expired token is replaced by a fresh one", async () => {
    let refusals = 0;
    await page.route(CARDS, (route) => {
      refusals += 1;
      return refusals === 1 ? refuse(401)(route) : route.continue();
    });
    stage.complaints.expect(/payment-methods: .*\b401\b/);
    await page.getByRole("button", { name: "Refresh" }).click();
    await demo.says("#list-outcome", "The list is up to date.");
    assert.equal(refusals, 2);
    await page.unroute(CARDS);
  });

  await step("too many cards are told with the time to wait", async () => {
    const INTENTS = "**/v1/account/setup-intent";
    const headers = { "Content-Type": "application/json", "Retry-After": "1980" };
    await page.route(INTENTS, (route) => route.fulfill({ status: 429, headers, body: '{"message":"Too many requests."}' }));
    stage.complaints.expect(/setup-intent: .*\b429\b/);
    await demo.add("4242424242424242");
    await demo.says("#card-error", "Too many requests. Try again in 33 minutes.");
    await page.unroute(INTENTS);
  });

  await step("a confirmation whose answer is lost is looked up, not sent twice", async () => {
    let confirmations = 0;
    const CONFIRM = "**/v1/setup_intents/*/confirm";
    await page.route(CONFIRM, async (route) => {
      confirmations += 1;
      await route.fetch();
      await route.abort();
    });
    stage.complaints.expect(/\/confirm: .*ERR_FAILED/);
    await demo.add("4242424242424242");
    await demo.says("#card-error", "Stripe did not answer.");
    await page.unroute(CONFIRM);
    await demo.submit();
    await demo.saved("Visa ending in 4242");
    assert.equal(confirmations, 1);
  });

  await step("a card that is verified and could not be saved is saved by the next try, without a second check", async () => {
    const save = (route) => (route.request().method() === "POST" ? refuse(500)(route) : route.continue());
    await page.route(CARDS, save);
    stage.complaints.expect(/payment-methods: .*\b500\b/);
    await demo.add("5555555555554444");
    await demo.says("#card-error", "The service is not available now.");
    await page.unroute(CARDS, save);
    const intents = [];
    page.on("request", (request) => intents.push(request.url()));
    await demo.submit();
    await demo.saved("Mastercard ending in 4444");
    assert.ok(intents.every((url) => !url.includes("/confirm") && !url.includes("/setup-intent")));
  });

  await step("a card that could not be saved gives way to another that is typed over it", async () => {
    const save = (route) => (route.request().method() === "POST" ? refuse(500)(route) : route.continue());
    await page.route(CARDS, save);
    stage.complaints.expect(/payment-methods: .*\b500\b/);
    await demo.add("6011111111111117");
    await demo.says("#card-error", "The service is not available now.");
    await page.unroute(CARDS, save);
    await demo.add("3566002020360505");
    await demo.saved("JCB ending in 0505");
    assert.ok((await demo.rows()).every((row) => !row.startsWith("Discover")));
  });

  await step("without Stripe.js the cards are shown all the same", async () => {
    const SCRIPT = /\/v3\/$/;
    await page.route(SCRIPT, (route) => route.abort());
    stage.complaints.expect(/\/v3\/: .*ERR_FAILED/);
    await page.reload();
    await demo.says("#stripe-error", "Stripe.js could not be loaded");
    await page.locator("#cards li").first().waitFor();
    await page.unroute(SCRIPT);
    await page.locator("#stripe-retry").click();
    await demo.fields();
    assert.equal(await page.evaluate(() => document.activeElement.id), "add-heading");
  });

  await step("without the demo's settings nobody can sign in until they are there", async () => {
    await demo.signOut();
    await page.route("**/demo/config.json", refuse(503));
    stage.complaints.expect(/config\.json: .*\b503\b/);
    await page.reload();
    await demo.says("#sign-in-state", "The demo's settings could not be read from the server.");
    await page.unroute("**/demo/config.json");
    await page.locator("#sign-in-retry").click();
    await page.getByRole("button", { name: stage.alice.name }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "sign-in-heading");
  });

  await page.context().close();
}
