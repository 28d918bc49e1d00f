// The demo page with localstripe's stand-in of Stripe.js: what it says after each card, and what it lists.
//
// usage: page.mjs BASE_URL    # CHROMIUM names the browser

import { chromium } from "playwright-core";

const PATIENCE = 15_000;
/** Where the page speaks. */
const PLACES = ["#card-error", "#add-outcome"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
const complaints = [];
page.on("pageerror", (error) => complaints.push(error.message));
const rows = [];

/** Types a card into localstripe's fields, which are the page's own, and sends it; then waits until the page has said something. */
async function add(what, number, answer) {
  // So that the same words, said again, are new.
  for (const place of PLACES) await page.locator(place).evaluate((element) => element.replaceChildren());
  const fields = page.locator("#card-element input");
  for (const [place, value] of [number, "12", "34", "123", "94107"].entries()) await fields.nth(place).fill(value);
  const answers = [];
  const listen = (response) => {
    if (/confirm|cancel|payment-methods$/.test(response.url()) && response.request().method() === "POST") {
      answers.push(`${new URL(response.url()).pathname.replace(/seti_\w+/, "…")} ${response.status()}`);
    }
  };
  page.on("response", listen);
  await page.getByRole("button", { name: "Add card" }).click();
  if (answer) await page.getByRole("button", { name: answer }).click();
  await page
    .waitForFunction((places) => places.some((place) => document.querySelector(place).innerText.trim() !== ""), PLACES)
    .catch(() => complaints.push(`after ${what} the page says nothing`));
  page.off("response", listen);
  rows.push(`| ${what} | ${answers.join(", ")} | ${(await said()) || "nothing"} |`);
}

async function said() {
  const texts = await Promise.all(PLACES.map((place) => page.locator(place).innerText()));
  return texts.join(" ").trim();
}

await page.goto(`${process.argv[2]}/demo`);
await page.getByRole("button", { name: /^Alice/ }).click();
await page.locator("#card-element input").first().waitFor();
await add("4242 4242 4242 4242", "4242424242424242");
await add("4000 0025 0000 3155, passed", "4000002500003155", "Complete authentication");
await add("4000 0025 0000 3155, failed", "4000002500003155", "Fail authentication");
await add("4000 0000 0000 0002", "4000000000000002");
console.log(rows.join("\n"));
console.log(`\nlisted: ${await page.locator("#cards li").count()} cards; complaints: ${complaints.join("; ") || "none"}`);
await browser.close();
