// The list: its pages, removing, reloading, and two users apart.

import assert from "node:assert/strict";

export async function listing(stage, step) {
  const names = ["visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay"];
  await stage.account.save(stage.url, stage.alice, names);
  const demo = await stage.newDemo();
  const remove = (card) => demo.page.getByRole("button", { name: `Remove ${card}` });
  const confirm = (name) => demo.page.locator("#confirm").getByRole("button", { name }).click();

  await step("the list is paged, newest first", async () => {
    await demo.open();
    await demo.signIn(stage.alice.name);
    await demo.says("#position", "1 to 5 of 7");
    const first = await demo.rows();
    assert.equal(first[0], "UnionPay ending in 0005");
    await demo.page.getByRole("button", { name: "Older" }).click();
    await demo.says("#position", "6 to 7 of 7");
    assert.deepEqual(await demo.rows(), ["Mastercard ending in 4444", "Visa ending in 4242"]);
    await demo.page.getByRole("button", { name: "Older" }).click({ force: true });
    await demo.says("#position", "6 to 7 of 7");
    await demo.page.getByRole("button", { name: "Newer" }).click();
    assert.deepEqual(await demo.rows(), first);
  });

  await step("removing asks first, and then removes", async () => {
    await remove("UnionPay").click();
    await confirm("Keep it");
    await demo.says("#position", "1 to 5 of 7");
    await remove("UnionPay").click();
    await confirm("Remove it");
    await demo.says("#list-outcome", "UnionPay ending in 0005 was removed.");
    assert.equal((await demo.rows())[0], "JCB ending in 0505");
    const left = await stage.account.cards(stage.url, stage.alice);
    assert.equal(left.length, 6);
  });

  await step("who is asked again at once is heard", async () => {
    await stage.account.save(stage.url, stage.alice, ["visa"]);
    await demo.page.getByRole("button", { name: "Refresh" }).click();
    await demo.says("#list-outcome", "The list is up to date.");
    // In one turn, so that the dialog is open again before the page hears that it was closed.
    await demo.page.evaluate(() => {
      const newest = document.querySelector("#cards .remove");
      newest.click();
      document.querySelector("#confirm").close();
      newest.click();
    });
    await confirm("Remove it");
    await demo.says("#list-outcome", "Visa ending in 4242 was removed.");
  });

  await step("a card that went elsewhere is no error", async () => {
    const [newest] = await stage.account.cards(stage.url, stage.alice);
    await stage.account.remove(stage.url, stage.alice, newest.id);
    stage.complaints.expect(/\/v1\/account\/payment-methods\/\w+: .*\b410\b/);
    await remove("JCB").click();
    await confirm("Remove it");
    await demo.says("#list-outcome", "JCB ending in 0505 had been removed already.");
  });

  await step("the last card of the last page leaves the page before it", async () => {
    await stage.account.save(stage.url, stage.alice, ["jcb"]);
    await demo.page.getByRole("button", { name: "Refresh" }).click();
    await demo.says("#list-outcome", "The list is up to date.");
    await demo.page.getByRole("button", { name: "Older" }).click();
    await demo.says("#position", "6 to 6 of 6");
    await remove("Visa ending in 4242").click();
    await confirm("Remove it");
    await demo.says("#list-outcome", "was removed");
    assert.equal((await demo.rows()).length, 5);
    assert.ok(await demo.page.locator("#pager").isHidden(), "five cards need no pages");
  });

  await step("a reload keeps the user and the cards", async () => {
    const before = await demo.rows();
    await demo.page.reload();
    await demo.settled();
    await demo.says("#user-name", stage.alice.name);
    assert.deepEqual(await demo.rows(), before);
  });

  await step("each of two users sees their own cards only", async () => {
    await demo.signOut();
    await demo.signIn(stage.bruno.name);
    await demo.says("#list-empty", "No card is saved yet");
    await demo.add("6011111111111117");
    await demo.saved("Discover ending in 1117");
    assert.deepEqual(await demo.rows(), ["Discover ending in 1117"]);
    await demo.signOut();
    await demo.signIn(stage.alice.name);
    await demo.page.locator("#cards li").first().waitFor();
    assert.equal((await demo.rows()).length, 5);
  });

  await demo.page.context().close();
}
