// The inspector: what is done on the demo page is seen on it, with what it caused.

import assert from "node:assert/strict";
import { VARIANTS, axeFaults } from "./looks.mjs";

export async function inspector(stage, step) {
  const open = async (options) => {
    const demo = await stage.newDemo(options);
    await demo.page.goto(`${stage.url}/demo/inspect`);
    await demo.page.locator("#table-audit_events").waitFor();
    return demo.page;
  };

  await step("the inspector shows a request, its statements, its calls at Stripe, the webhook and the row", async () => {
    const page = await open();
    const demo = await stage.newDemo();
    await demo.open();
    await demo.signIn(stage.alice.name);
    await demo.add("4242424242424242");
    await demo.saved("Visa ending in 4242");

    const saving = page.locator("#traffic > li").filter({ hasText: "POST /v1/account/payment-methods" }).first();
    await saving.waitFor();
    await saving.locator(":scope > .line .status").filter({ hasText: "201" }).waitFor();
    const caused = await saving.locator(".calls .line").allInnerTexts();
    assert.ok(caused.some((line) => /Stripe\s+GET \/v1\/payment_methods\/\{id\}\s+200/.test(line)), caused.join("\n"));
    assert.ok(caused.some((line) => /Database\s+payment_method/.test(line)), caused.join("\n"));
    await page.locator("#traffic > .webhook").filter({ hasText: "/webhooks/stripe/" }).first().waitFor();
    await page.locator("#table-payment_methods td").filter({ hasText: "usr_alice" }).first().waitFor();
    await page.locator("#table-webhook_events td").filter({ hasText: "setup_intent.succeeded" }).first().waitFor();
    assert.equal(await page.getByText("config.json").count(), 0, "it does not watch itself");

    await page.getByRole("button", { name: "Clear" }).click();
    assert.equal(await page.locator("#traffic > li").filter({ hasText: "payment-methods" }).count(), 0);
    await page.context().close();
    await demo.page.context().close();
  });

  for (const { width, colorScheme } of VARIANTS) {
    await step(`the inspector at ${width} px, ${colorScheme}, has no fault for axe`, async () => {
      const page = await open({ viewport: { width, height: 820 }, colorScheme, reducedMotion: "reduce" });
      await page.locator("#traffic > li").first().waitFor();
      await page.screenshot({ path: `${stage.pictures}/inspector-${width}-${colorScheme}.png` });
      assert.deepEqual(await axeFaults(page), []);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
      await page.context().close();
    });
  }
}
