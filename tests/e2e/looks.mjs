// What the page looks like, at two widths, light and dark: a picture of each state, in which axe must find no fault.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { DECLINE } from "./browser.mjs";

const axe = await readFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** The faults that axe finds in the page and in its frames, each as a line. */
export async function axeFaults(page) {
  for (const frame of page.frames()) {
    await frame.evaluate(axe);
    // The frames are of another origin than the page; nobody else's page is among them.
    await frame.evaluate(() => window.axe.configure({ allowedOrigins: ["<unsafe_all_origins>"] }));
  }
  const { violations, testEngine } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  assert.ok(testEngine.version, "axe has run");
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.target.join(" ")}: ${node.failureSummary}`));
}

export const VARIANTS = [
  { width: 375, colorScheme: "light" },
  { width: 375, colorScheme: "dark" },
  { width: 1280, colorScheme: "light" },
  { width: 1280, colorScheme: "dark" },
];

export async function looks(stage, step) {
  const names = ["visa", "mastercard", "amex", "discover", "diners", "jcb", "eftposAu", "unionpay", "visa"];
  await stage.account.save(stage.url, stage.alice, names);
  for (const { width, colorScheme } of VARIANTS) {
    const name = `${width}-${colorScheme}`;
    await step(`the pictures at ${width} px, ${colorScheme}, have no fault for axe`, async () => {
      const found = [];
      const options = { viewport: { width, height: 820 }, colorScheme, reducedMotion: "reduce" };
      const demo = await stage.newDemo(options);
      const { page } = demo;

      const picture = async (state, fullPage = true) => {
        await page.screenshot({ path: `${stage.pictures}/${state}-${name}.png`, fullPage });
        found.push(...(await axeFaults(page)).map((fault) => `${state}: ${fault}`));
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (overflow > 0) found.push(`${state}: the page is ${overflow} px wider than the screen`);
      };

      await demo.open();
      await page.locator("#users button").first().waitFor();
      await picture("sign-in");

      await demo.signIn(stage.bruno.name);
      await picture("empty");
      stage.complaints.expect(DECLINE);
      await demo.add("4000000000000002");
      await demo.says("#card-error", "Your card was declined.");
      await picture("declined");
      await demo.signOut();

      await demo.signIn(stage.alice.name);
      await demo.page.locator("#cards li").nth(4).waitFor();
      await demo.type("5555555555554444");
      await picture("cards");
      await page.getByRole("button", { name: "Older" }).click();
      await picture("older");
      await page.locator("#cards .remove").first().click();
      await picture("remove", false);
      await page.locator("#confirm").getByRole("button", { name: "Keep it" }).click();
      await demo.add("4000002500003155");
      await demo.challenge().getByRole("heading", { name: "Is this you?" }).waitFor();
      await picture("challenge", false);
      await page.reload();
      await demo.settled();

      await page.route("**/v1/account/payment-methods", (route) => route.abort());
      for (let send = 0; send < 3; send += 1) stage.complaints.expect(/payment-methods: .*ERR_FAILED/);
      await page.getByRole("button", { name: "Refresh" }).click();
      await demo.says("#list-error", "The server did not answer.");
      await picture("failed");
      await page.unroute("**/v1/account/payment-methods");

      // Never answered: the state in between stays.
      await page.route("**/v1/account/payment-methods", () => {});
      await page.reload();
      await page.locator("#list-loading").waitFor();
      await demo.fields();
      await picture("loading");
      await page.context().close();
      assert.deepEqual(found, []);
    });
  }
}
