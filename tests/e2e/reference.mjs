// The API reference: it is drawn without any other machine, and a request that is tried has a token.

import assert from "node:assert/strict";

export async function reference(stage, step) {
  const open = async () => {
    const demo = await stage.newDemo({ viewport: { width: 1280, height: 900 } });
    await demo.page.goto(`${stage.url}/docs`);
    await demo.page.locator(".opblock").first().waitFor();
    return demo.page;
  };

  await step("the reference shows every operation of the contract and asks no other machine", async () => {
    const page = await open();
    const contract = await (await fetch(`${stage.url}/openapi.yaml`)).text();
    const wanted = [...contract.matchAll(/^ {6}operationId: /gm)].length;
    assert.ok(wanted > 10, `${wanted} operations`);
    assert.equal(await page.locator(".opblock").count(), wanted);
    await page.screenshot({ path: `${stage.pictures}/reference-1280-light.png` });
    await page.context().close();
  });

  for (const [name, path] of [
    ["project", "/projects/{project}/paymentMethods"],
    ["account", "/v1/account/payment-methods"],
  ]) {
    await step(`a list of the ${name} API is tried from the reference`, async () => {
      const page = await open();
      const operation = page.locator(".opblock-get").filter({ has: page.locator(`[data-path="${path}"]`) });
      await operation.locator(".opblock-summary-control").click();
      await operation.getByRole("button", { name: "Execute" }).click();
      const status = operation.locator(".live-responses-table .response .response-col_status").first();
      await status.waitFor();
      assert.match(await status.innerText(), /^200/);
      await page.context().close();
    });
  }
}
