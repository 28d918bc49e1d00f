// The whole of it without a mouse.

import assert from "node:assert/strict";

/** What has the focus, in words: its name, wherever it is. */
async function focused(page) {
  let frame = page.mainFrame();
  for (;;) {
    const handle = await frame.evaluateHandle(() => document.activeElement);
    const inner = await handle.asElement()?.contentFrame();
    if (!inner) {
      return handle.evaluate((element) => {
        const label = element.labels?.[0]?.textContent;
        return (element.ariaLabel ?? label ?? element.textContent).replace(/\s+/g, " ").trim();
      });
    }
    frame = inner;
  }
}

export async function keyboard(stage, step) {
  await stage.account.save(stage.url, stage.alice, ["visa", "mastercard"]);
  const demo = await stage.newDemo();
  const { page } = demo;
  const press = (key) => page.keyboard.press(key);

  /** Goes on with Tab until the wanted thing has the focus. */
  const reach = async (wanted, key = "Tab") => {
    const passed = [];
    for (let presses = 0; presses < 25; presses += 1) {
      await press(key);
      const now = await focused(page);
      if (wanted.test(now)) return;
      passed.push(now);
    }
    assert.fail(`${wanted} was not reached; passed ${passed.join(" | ")}`);
  };

  /** Waits until something that the page does by itself has moved the focus. */
  const awaitFocus = async (wanted) => {
    let now;
    for (const end = Date.now() + 10_000; Date.now() < end; ) {
      now = await focused(page);
      if (wanted.test(now)) return;
      await page.waitForTimeout(50);
    }
    assert.fail(`the focus is on ${now}, not on ${wanted}`);
  };

  await step("keyboard: signing in moves the focus to the account's heading", async () => {
    await demo.open();
    await page.locator("#users button").first().waitFor();
    await reach(new RegExp(`^${stage.alice.name}`));
    await press("Enter");
    await demo.settled();
    assert.match(await focused(page), /'s cards$/);
  });

  await step("keyboard: the fields follow each other, and Enter sends the form", async () => {
    await reach(/^Name on the card/);
    await page.keyboard.type("Alice Ames");
    await reach(/^Card number$/);
    await page.keyboard.type("4242424242424242");
    await awaitFocus(/^Expiry/);
    await page.keyboard.type("1234");
    await awaitFocus(/^Security code$/);
    await page.keyboard.type("123");
    await press("Enter");
    await demo.saved("Visa ending in 4242");
  });

  await step("keyboard: Backspace goes back through the fields", async () => {
    await demo.field("cardnumber").focus();
    await page.keyboard.type("4242424242424242");
    await awaitFocus(/^Expiry/);
    await page.keyboard.type("12");
    assert.equal(await demo.field("exp-date").inputValue(), "12 / ");
    for (let presses = 0; presses < 4; presses += 1) await press("Backspace");
    assert.equal(await focused(page), "Card number");
    assert.equal(await demo.field("exp-date").inputValue(), "");
    await press("Backspace");
    assert.equal(await demo.field("cardnumber").inputValue(), "4242 4242 4242 424");
    await demo.field("cardnumber").fill("");
  });

  await step("keyboard: Tab leaves the card's fields for the button", async () => {
    await demo.field("cvc").focus();
    await press("Tab");
    assert.equal(await focused(page), "Add card");
    await press("Shift+Tab");
    assert.equal(await focused(page), "Security code");
  });

  await step("keyboard: a challenge takes the focus and gives it back", async () => {
    await reach(/^Card number$/, "Shift+Tab");
    await page.keyboard.type("4000002500003155");
    await awaitFocus(/^Expiry/);
    await page.keyboard.type("1234");
    await awaitFocus(/^Security code$/);
    await page.keyboard.type("123");
    await press("Tab");
    await press("Enter");
    await awaitFocus(/^Is this you\?$/);
    await reach(/complete the check/i);
    await press("Enter");
    await demo.saved("Visa ending in 3155");
    assert.equal(await focused(page), "Add card");
  });

  await step("keyboard: Escape fails a challenge", async () => {
    await demo.type("4000002500003155");
    await press("Enter");
    await awaitFocus(/^Is this you\?$/);
    await press("Escape");
    await demo.says("#card-error", "The bank's check was not passed");
  });

  await step("keyboard: removing asks, begins at the safe answer, and leaves the focus beside the gap", async () => {
    await page.locator("#account-heading").focus();
    await reach(/^Remove Visa ending in 3155$/);
    await press("Enter");
    await awaitFocus(/^Keep it$/);
    await press("Escape");
    await awaitFocus(/^Remove Visa ending in 3155$/);
    await press("Enter");
    await reach(/^Remove it$/);
    await press("Enter");
    await demo.says("#list-outcome", "Visa ending in 3155 was removed.");
    assert.match(await focused(page), /^Remove Visa ending in 4242$/);
  });

  await step("keyboard: with the last card gone the focus is on the list's heading", async () => {
    for (let left = 3; left > 0; left -= 1) {
      await page.locator("#cards .remove").last().focus();
      await press("Enter");
      await reach(/^Remove it$/);
      await press("Enter");
      await page.waitForFunction((count) => document.querySelectorAll("#cards li").length === count, left - 1);
    }
    await demo.says("#list-empty", "No card is saved yet");
    assert.equal(await focused(page), "Saved cards");
  });

  await page.context().close();
}
