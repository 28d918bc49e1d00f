// The sandbox's stand-in for Stripe.js, in what the demo page does not use of it.

import assert from "node:assert/strict";

export async function standIn(stage, step) {
  const demo = await stage.newDemo();
  const { page } = demo;
  const field = (name) => page.frameLocator("#stand-in iframe").locator(`input[name="${name}"]`);
  const newSecret = async () => (await stage.account.setupIntent(stage.url, stage.alice)).client_secret;

  /** Calls a method of the stand-in in the page. What it throws is given as its name. */
  const stripe = (method, ...given) =>
    page.evaluate(
      ([name, values]) => Promise.resolve(window.trial.stripe[name](...values)).catch((error) => ({ thrown: error.name })),
      [method, given],
    );

  await step("stand-in: an element is mounted, and tells what happens to it", async () => {
    await demo.open();
    await demo.signIn(stage.alice.name);
    await page.evaluate((key) => {
      const stripe = window.Stripe(key);
      const elements = stripe.elements();
      const card = elements.create("card");
      window.trial = { stripe, elements, card, events: [] };
      for (const name of ["ready", "change", "focus", "blur", "escape"]) {
        card.on(name, (event) => window.trial.events.push({ name, ...event }));
      }
      const place = document.createElement("div");
      place.id = "stand-in";
      document.querySelector("main:not([hidden])").append(place);
      card.mount("#stand-in");
    }, stage.config.publishableKey);
    await demo.fields("#stand-in");
    await field("cardnumber").pressSequentially("378282246310005");
    await page.keyboard.type("1234");
    await page.keyboard.type("1234");
    await page.keyboard.type("94107");
    await page.keyboard.press("Escape");
    await page.locator("#stand-in.StripeElement--complete.StripeElement--focus").waitFor();
    await field("postal").blur();
    await page.locator("#stand-in.StripeElement--complete:not(.StripeElement--focus)").waitFor();
    const events = await page.evaluate(() => window.trial.events);
    const names = events.map(({ name }) => name);
    assert.equal(names[0], "ready");
    assert.deepEqual(names.filter((name) => name !== "change"), ["ready", "focus", "escape", "blur"]);
    const last = events.findLast(({ name }) => name === "change");
    assert.equal(last.brand, "amex");
    assert.equal(last.complete, true);
    assert.deepEqual(last.value, { postalCode: "94107" });
    assert.ok(!JSON.stringify(events).includes("37828224"), "no event has the number");
  });

  await step("stand-in: createPaymentMethod takes the card from its frame", async () => {
    const { paymentMethod } = await page.evaluate(() => {
      const { stripe, card } = window.trial;
      return stripe.createPaymentMethod({ type: "card", card, billing_details: { name: "Alice Ames" } });
    });
    assert.match(paymentMethod.id, /^pm_/);
    assert.equal(paymentMethod.card.last4, "0005");
    assert.equal(paymentMethod.billing_details.name, "Alice Ames");
    assert.equal(paymentMethod.billing_details.address.postal_code, "94107");
  });

  await step("stand-in: clear, update, unmount, mount again, destroy", async () => {
    await page.evaluate(() => window.trial.card.clear());
    await page.locator("#stand-in.StripeElement--empty").waitFor();
    await page.evaluate(() => window.trial.card.update({ disabled: true, hidePostalCode: true }));
    await page.frameLocator("#stand-in iframe").locator("input[name=cardnumber]:disabled").waitFor();
    await field("postal").waitFor({ state: "hidden" });
    await page.evaluate(() => window.trial.card.unmount());
    assert.equal(await page.locator("#stand-in iframe").count(), 0);
    assert.equal(await page.locator("#stand-in").getAttribute("class"), "");
    await page.evaluate(() => {
      window.trial.card.update({ disabled: false });
      window.trial.card.mount(document.getElementById("stand-in"));
      window.trial.card.on("ready", () => window.trial.card.focus());
    });
    await page.locator("#stand-in.StripeElement--focus").waitFor();
    const thrown = await page.evaluate(() => {
      const caught = (work) => {
        try {
          work();
        } catch (error) {
          return error.name;
        }
        return null;
      };
      const { elements, card } = window.trial;
      const second = caught(() => elements.create("card"));
      card.destroy();
      return [second, caught(() => card.mount("#stand-in")), caught(() => elements.create("card")), caught(() => window.Stripe("pk_live_1"))];
    });
    assert.deepEqual(thrown, ["IntegrationError", "IntegrationError", null, "IntegrationError"]);
  });

  await step("stand-in: confirmCardSetup takes a method by its id", async () => {
    const secret = await newSecret();
    const { setupIntent } = await stripe("confirmCardSetup", secret, { payment_method: "pm_card_visa" });
    assert.equal(setupIntent.status, "succeeded");
    assert.ok(!("customer" in setupIntent), "a publishable key sees no customer");
    const again = await stripe("retrieveSetupIntent", secret);
    assert.deepEqual(again.setupIntent, setupIntent);
  });

  await step("stand-in: handleNextAction shows the challenge that confirmCardSetup left open", async () => {
    const secret = await newSecret();
    const data = { payment_method: "pm_card_authenticationRequiredOnSetup" };
    const open = await stripe("confirmCardSetup", secret, data, { handleActions: false });
    assert.equal(open.setupIntent.status, "requires_action");
    const failing = stripe("handleNextAction", { clientSecret: secret });
    await demo.challenge().getByRole("button", { name: /fail/i }).click();
    const { error } = await failing;
    assert.equal(error.code, "setup_intent_authentication_failure");
    assert.equal(error.setup_intent.status, "requires_payment_method");
    assert.equal((await stripe("confirmCardSetup", secret, data, { handleActions: false })).setupIntent.status, "requires_action");
    const passing = stripe("confirmCardSetup", secret);
    await demo.challenge().getByRole("button", { name: /complete/i }).click();
    assert.equal((await passing).setupIntent.status, "succeeded");
  });

  await step("stand-in: refusals are results, and misuse is thrown", async () => {
    const secret = await newSecret();
    stage.complaints.expect(/\/v1\/setup_intents\/\w+\?.*\b400\b/);
    assert.equal((await stripe("retrieveSetupIntent", `${secret}x`)).error.type, "invalid_request_error");
    stage.complaints.expect(/\/v1\/setup_intents\/\w+\/confirm: .*\b402\b/);
    const declined = await stripe("confirmCardSetup", secret, { payment_method: "pm_card_chargeDeclinedInsufficientFunds" });
    assert.equal(declined.error.decline_code, "insufficient_funds");
    assert.equal(declined.error.setup_intent.status, "requires_payment_method");
    assert.deepEqual(await stripe("confirmCardSetup", "no secret"), { thrown: "IntegrationError" });
  });

  await page.context().close();
}
