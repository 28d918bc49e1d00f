// Adding cards: saved, challenged, declined, and not whole.

import assert from "node:assert/strict";
import { DECLINE } from "./browser.mjs";

export async function adding(stage, step) {
  const demo = await stage.newDemo();

  await step("the page comes with a policy that allows no inline script and no inline style", async () => {
    const response = await demo.open();
    const policy = response.headers()["content-security-policy"] ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
  });

  await step("a user signs in and has no card", async () => {
    await demo.signIn(stage.alice.name);
    await demo.says("#list-empty", "No card is saved yet");
  });

  await step("4242 is saved and stands in the list", async () => {
    await demo.add("4242424242424242");
    await demo.saved("Visa ending in 4242");
    assert.deepEqual(await demo.rows(), ["Visa ending in 4242"]);
    assert.equal(await demo.field("cardnumber").inputValue(), "", "the fields are empty again");
  });

  await step("no card's number is in the page, and none goes to Billfold", async () => {
    const sent = [];
    demo.page.on("request", (request) => {
      if (request.url().startsWith(stage.url)) sent.push(request.url() + (request.postData() ?? ""));
    });
    await demo.add("5555555555554444");
    await demo.saved("Mastercard ending in 4444");
    assert.ok(sent.some((text) => text.includes("/v1/account/setup-intent")), "the page's requests were seen");
    assert.ok(sent.every((text) => !text.includes("555555555555")), "no request to Billfold has the number");
    await demo.type("4242424242424242");
    const page = await demo.page.evaluate(() => {
      const values = [...document.querySelectorAll("input")].map((input) => input.value);
      return [document.documentElement.outerHTML, ...values].join("\n");
    });
    assert.ok(page.includes("Numbers to try") && !hasNumber(page), "the page has no field with it");
  });

  await step("a 3-D Secure challenge that is passed saves the card", async () => {
    await demo.add("4000002500003155");
    await demo.challenge().getByRole("button", { name: /complete/i }).click();
    await demo.saved("Visa ending in 3155");
    assert.equal((await demo.rows())[0], "Visa ending in 3155");
  });

  await step("a challenge that is failed saves nothing, and may be tried again", async () => {
    const before = await demo.rows();
    await demo.add("4000002760003184");
    await demo.challenge().getByRole("button", { name: /fail/i }).click();
    await demo.says("#card-error", "The bank's check was not passed");
    assert.deepEqual(await demo.rows(), before);
    await demo.submit();
    await demo.challenge().getByRole("button", { name: /complete/i }).click();
    await demo.saved("Visa ending in 3184");
  });

  await step("a declined card is told and not saved, and the next one is", async () => {
    const before = await demo.rows();
    stage.complaints.expect(DECLINE);
    await demo.add("4000000000000002");
    await demo.says("#card-error", "Your card was declined. Nothing was saved.");
    assert.deepEqual(await demo.rows(), before);
    assert.equal((await stage.account.cards(stage.url, stage.alice)).length, before.length);
    await demo.type("378282246310005");
    assert.equal(await demo.field("exp-date").inputValue(), "12 / 34", "what is written over an expiry is put in order too");
    await demo.submit();
    await demo.saved("American Express ending in 0005");
  });

  await step("a card that is not whole is not sent", async () => {
    const sent = [];
    demo.page.on("request", (request) => sent.push(request.url()));
    await demo.submit();
    await demo.says("#card-error", "Your card number is incomplete.");
    await demo.field("cardnumber").fill("4242424242424242");
    await demo.submit();
    await demo.says("#card-error", "Your card's expiration date is incomplete.");
    await demo.field("cardnumber").fill("4242424242424241");
    await demo.says("#card-error", "Your card number is invalid.");
    assert.deepEqual(sent.filter((address) => address.includes("/confirm")), []);
  });

  await demo.page.context().close();
}

/** Whether a text has a whole card number, however it is spaced, outside the numbers to try. */
function hasNumber(page) {
  const withoutHints = page.replace(/<ul class="numbers"[\s\S]*?<\/ul>/, "");
  return /4242[ -]?4242[ -]?4242[ -]?4242/.test(withoutHints);
}
