// Walks the demo page, a step at a time, and says what came of each. Usage: node walk.mjs BASE_URL DIRECTORY

import * as account from "./account.mjs";
import { adding } from "./adding.mjs";
import { Complaints, Demo, launch, PATIENCE } from "./browser.mjs";
import { inspector } from "./inspector.mjs";
import { keyboard } from "./keyboard.mjs";
import { listing } from "./listing.mjs";
import { looks } from "./looks.mjs";
import { reference } from "./reference.mjs";
import { standIn } from "./stand-in.mjs";
import { troubles } from "./troubles.mjs";

const [url, pictures] = process.argv.slice(2).map((argument) => argument.replace(/\/$/, ""));

const config = await account.config(url);
const people = config.users;
const complaints = new Complaints([new URL(url).host, new URL(config.stripeJs).host]);
const browser = await launch();
let failures = 0;

async function newDemo(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  complaints.watch(page);
  return new Demo(page, url);
}

const stage = { url, pictures, account, config, complaints, newDemo, alice: people[0], bruno: people[1] };

/** One step. What the browser complained of during it counts as its failure. */
async function step(words, work) {
  const begun = Date.now();
  const faults = [];
  try {
    await work();
  } catch (error) {
    faults.push(error.stack ?? String(error));
  }
  faults.push(...complaints.take());
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  console.log(`${faults.length ? "FAIL" : "ok  "} ${words} (${seconds} s)`);
  for (const fault of faults) console.log(`     ${fault.replaceAll("\n", "\n     ")}`);
  failures += faults.length ? 1 : 0;
}

try {
  for (const part of [adding, listing, keyboard, troubles, standIn, inspector, reference, looks]) {
    for (const person of people) await account.removeAll(url, person);
    await part(stage, step);
  }
} finally {
  await browser.close();
}
console.log(failures ? `${failures} steps failed` : `all steps passed; the screenshots are in ${pictures}`);
process.exitCode = failures ? 1 : 0;
