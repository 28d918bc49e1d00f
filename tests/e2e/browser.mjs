// The browser, and what every part of the walk needs of a page.

import { chromium } from "playwright-core";

/** How long anything may take to show itself. */
export const PATIENCE = 15_000;

export function launch() {
  // Without a sandbox of its own Chromium also runs as root, as in a container.
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
}

/**
 * Collects what browsers complain of. Chromium writes every answer of 400 and above to the console as an error; a step that
 * means to be refused says so before, and then exactly that refusal must come.
 */
export class Complaints {
  #expected = [];
  #found = [];
  #hosts;

  /** Pages may fetch from these hosts and from nowhere else. */
  constructor(hosts) {
    this.#hosts = hosts;
  }

  watch(page) {
    page.on("request", (request) => {
      const { host, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && !this.#hosts.includes(host)) this.#found.push(`${request.url()} was fetched`);
    });
    page.on("pageerror", (error) => this.#found.push(`${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      const text = `${message.location().url}: ${message.text()}`;
      const place = this.#expected.findIndex((pattern) => pattern.test(text));
      if (place < 0) this.#found.push(text);
      else this.#expected.splice(place, 1);
    });
  }

  /** One line of the console that fits is no complaint. */
  expect(pattern) {
    this.#expected.push(pattern);
  }

  /** What was not expected, and what was expected and did not come. */
  take() {
    const missing = this.#expected.map((pattern) => `expected on the console, and not there: ${pattern}`);
    const all = [...this.#found, ...missing];
    this.#found = [];
    this.#expected = [];
    return all;
  }
}

/** The refusal of a card, as the console shows it. */
export const DECLINE = /\/v1\/setup_intents\/\w+\/confirm: .*\b402\b/;

export class Demo {
  constructor(page, url) {
    this.page = page;
    this.url = url;
  }

  open() {
    return this.page.goto(`${this.url}/demo`);
  }

  async signIn(name) {
    await this.page.getByRole("button", { name: new RegExp(`^${name}`) }).click();
    await this.settled();
  }

  async signOut() {
    await this.page.getByRole("button", { name: "Sign out" }).click();
  }

  /** Waits until the list and the card's fields are there. */
  async settled() {
    await this.page.locator("#list[aria-busy=false]").waitFor();
    await this.fields();
  }

  /** Waits until the card can be typed. */
  async fields(place = "#card-element") {
    await this.page.frameLocator(`${place} iframe`).first().locator("input[name=cardnumber]:enabled").waitFor();
  }

  /** A field of the card, in its frame. */
  field(name) {
    return this.page.frameLocator("#card-element iframe").first().locator(`input[name="${name}"]`);
  }

  /** Types a card as a person does: the focus moves on by itself. */
  async type(number) {
    await this.field("cardnumber").click();
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.type(number);
    await this.field("exp-date").fill("1234");
    await this.field("cvc").fill("123");
  }

  async submit() {
    await this.page.getByRole("button", { name: "Add card" }).click();
  }

  async add(number) {
    await this.type(number);
    await this.submit();
  }

  /** The frame of the challenge, over the page. */
  challenge() {
    return this.page.frameLocator("dialog[open] iframe");
  }

  /** Waits for the words in a place of the page. */
  async says(place, words) {
    await this.page.locator(place).filter({ hasText: words }).waitFor();
  }

  /** Waits until a card is said to be saved, and stands in the list as the new one. */
  async saved(card) {
    await this.says("#add-outcome", `${card} was saved.`);
    await this.page.locator("#list[aria-busy=false] #cards li.fresh").filter({ hasText: card }).waitFor();
  }

  /** The rows of the list, in words. */
  async rows() {
    const rows = await this.page.locator("#cards .what").allInnerTexts();
    return rows.map((row) => row.replace(/\s+/g, " ").trim());
  }
}
