// The account API without a page: to begin with known cards.

async function call(url, user, method, path, body) {
  const headers = { Authorization: `Bearer ${user.token}`, "Content-Type": "application/json" };
  const response = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}

export async function config(url) {
  const response = await fetch(`${url}/demo/config.json`);
  if (!response.ok) throw new Error(`there is no demo at ${url}: /demo/config.json was answered with ${response.status}`);
  return response.json();
}

export function setupIntent(url, user) {
  return call(url, user, "POST", "/v1/account/setup-intent");
}

export function cards(url, user) {
  return call(url, user, "GET", "/v1/account/payment-methods");
}

export async function removeAll(url, user) {
  for (const { id } of await cards(url, user)) await remove(url, user, id);
}

export function remove(url, user, id) {
  return call(url, user, "DELETE", `/v1/account/payment-methods/${id}`);
}

/** Saves test cards by their names at Stripe, the last one newest. */
export async function save(url, user, names) {
  for (const name of names) await call(url, user, "POST", "/v1/account/payment-methods", { id: `pm_card_${name}` });
}
