// The inspector: asks the server again and again what has happened and which rows there are, and shows both.

/** How long between two questions. */
const PAUSE = 700;

/** How many entries are kept on the page. */
const KEPT = 100;

const element = (id) => document.getElementById(id);
const copy = (id) => element(id).content.firstElementChild.cloneNode(true);

/** What is shown of each entry, by its number. */
const shown = new Map();
let after = 0;

async function ask(path, token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { headers, cache: "no-store" });
  if (!response.ok) throw Object.assign(new Error(`${path} was answered with ${response.status}`), { status: response.status });
  return response.json();
}

/** The path that a backend's token is for, and the token. */
async function readAccess() {
  const tokens = await ask("/docs/tokens.json");
  const [path, token] = Object.entries(tokens).find(([beginning]) => beginning.startsWith("/projects/"));
  return { project: path.split("/")[2], token };
}

const hasEnded = (entry) => entry.milliseconds !== null;
const isRefused = (entry) => entry.status >= 400 || (entry.outcome ?? "ok") !== "ok";

/** What came of it: a status, or why there is none. */
function outcome(entry) {
  if (!hasEnded(entry)) return "…";
  return entry.status ?? entry.outcome ?? "";
}

function fillLine(line, kind, entry) {
  line.querySelector(".kind").textContent = kind;
  line.querySelector(".what").textContent = entry.what;
  line.querySelector(".status").textContent = outcome(entry);
  line.querySelector(".took").textContent = hasEnded(entry) ? `${entry.milliseconds} ms` : "";
}

function kindOf(entry) {
  if (entry.what.includes(" /webhooks/")) return "Webhook";
  if (entry.what.includes(" /v1/account/")) return "Account";
  if (entry.what.includes(" /operator/")) return "Operator";
  return "Project";
}

/** A request: it stands by itself, and what it caused stands in it. */
function showRequest(entry) {
  let item = shown.get(entry.number);
  if (!item) {
    item = copy("entry");
    shown.set(entry.number, item);
    element("traffic").prepend(item);
  }
  const kind = kindOf(entry);
  item.className = [kind === "Webhook" && "webhook", isRefused(entry) && "refused"].filter(Boolean).join(" ");
  fillLine(item.querySelector(".line"), kind, entry);
  item.querySelector(".who").textContent = [time(entry.at), entry.request].join(" · ");
}

/** A statement or a call to Stripe: in the request that caused it, or by itself as the background's. */
function showPart(entry) {
  let line = shown.get(entry.number);
  if (!line) {
    line = copy("call");
    const request = shown.get(entry.parent);
    if (request) {
      request.querySelector(".calls").append(line);
    } else if (entry.background !== null) {
      const item = copy("entry");
      item.className = "background";
      item.querySelector(".line").remove();
      item.querySelector(".who").textContent = `${time(entry.at)} · in the background: ${entry.background}`;
      item.querySelector(".calls").append(line);
      element("traffic").prepend(item);
    } else {
      // Of a request that is shown no more.
      return;
    }
    shown.set(entry.number, line);
  }
  const kind = entry.kind === "query" ? "Database" : "Stripe";
  line.classList.toggle("query", entry.kind === "query");
  line.classList.toggle("refused", isRefused(entry));
  fillLine(line, kind, entry);
}

function show({ last, entries }) {
  after = last;
  for (const entry of entries) (entry.kind === "request" ? showRequest : showPart)(entry);
  const list = element("traffic");
  while (list.children.length > KEPT) list.lastElementChild.remove();
  element("traffic-empty").hidden = list.children.length > 0;
}

/** A point in time as either database writes it, to the millisecond. */
function time(value) {
  const date = new Date(typeof value === "number" ? value / 1000 : value);
  return date.toISOString().replace("T", " ").replace("Z", "");
}

const cell = (name, value) => {
  if (value === null) return "";
  return name.endsWith("_at") ? time(value) : String(value);
};

/** The rows that were there at the last look, by table. */
const before = new Map();

function showTable({ name, columns, rows }) {
  let details = document.getElementById(`table-${name}`);
  if (!details) {
    details = document.createElement("details");
    details.id = `table-${name}`;
    details.open = ["operations", "payment_methods", "webhook_events"].includes(name);
    const summary = document.createElement("summary");
    summary.append(Object.assign(document.createElement("code"), { textContent: name }), " ",
      Object.assign(document.createElement("span"), { className: "count" }));
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", `Rows of ${name}`);
    details.append(summary, scroll);
    element("tables").append(details);
  }
  const texts = rows.map((row) => JSON.stringify(row));
  const known = before.get(name);
  if (known && known.join() === texts.join()) return;
  before.set(name, texts);
  details.querySelector(".count").textContent = rows.length === 0 ? "no row" : rows.length === 25 ? "the newest 25" : rows.length;
  const scroll = details.querySelector(".scroll");
  if (rows.length === 0) {
    scroll.replaceChildren();
    return;
  }
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const column of columns) {
    head.append(Object.assign(document.createElement("th"), { textContent: column, scope: "col" }));
  }
  const body = table.createTBody();
  rows.forEach((row, index) => {
    const line = body.insertRow();
    line.className = known && !known.includes(texts[index]) ? "fresh" : "";
    row.forEach((value, column) => (line.insertCell().textContent = cell(columns[column], value)));
  });
  scroll.replaceChildren(table);
}

let access = null;

async function look() {
  access ??= await readAccess();
  element("project").textContent = access.project;
  show(await ask(`/demo/inspect/traffic?after=${after}`));
  for (const table of await ask(`/demo/inspect/${access.project}/rows`, access.token)) showTable(table);
}

async function watch() {
  const state = element("state");
  for (;;) {
    if (!document.hidden) {
      try {
        await look();
        if (state.textContent) state.textContent = "";
      } catch (error) {
        // An expired token is replaced at the next look; a server that is away may come back, with other numbers.
        access = null;
        if (error.status === undefined) {
          after = 0;
          state.textContent = "The server does not answer. This page goes on when it does.";
        } else if (error.status !== 401) {
          state.textContent = `${error.message}. This page tries again.`;
        }
      }
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

element("clear").addEventListener("click", () => {
  shown.clear();
  element("traffic").replaceChildren();
  element("traffic-empty").hidden = false;
});

watch();
