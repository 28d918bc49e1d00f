// Requests to the sandbox, as Stripe.js sends them: a publishable key, form-encoded, no header that needs a preflight.

const origin = new URL(import.meta.url).origin;

const UNREACHABLE = {
  type: "api_connection_error",
  message: "The sandbox did not answer. What became of the request is not known: look at the object before you send it again.",
};

/** Nested fields with bracketed names; what is null or undefined is left out. */
function flatten(fields, form, prefix = "") {
  for (const [name, value] of Object.entries(fields)) {
    const key = prefix ? `${prefix}[${name}]` : name;
    if (value === null || value === undefined) continue;
    if (typeof value === "object") flatten(value, form, key);
    else form.append(key, String(value));
  }
  return form;
}

/**
 * Sends one request with an account's publishable key. Gives `{ object }` or `{ error }`, and throws nothing: to a page a
 * broken connection is an outcome like a refusal.
 */
export async function send(account, method, path, fields = {}) {
  const form = flatten({ key: account.key, _stripe_account: account.connected, ...fields }, new URLSearchParams());
  const url = new URL(path, origin);
  if (method === "GET") url.search = form.toString();
  try {
    const response = await fetch(url, { method, body: method === "GET" ? undefined : form, credentials: "omit" });
    const body = await response.json();
    return response.ok ? { object: body } : { error: body.error };
  } catch {
    return { error: UNREACHABLE };
  }
}

/** Ends the challenge that an intent waits for without success. Stripe has no such endpoint: there it is the bank's. */
export async function failChallenge(intent) {
  try {
    const path = `/_sandbox/setup_intents/${encodeURIComponent(intent)}/fail`;
    const response = await fetch(new URL(path, origin), { method: "POST", credentials: "omit" });
    return response.ok ? {} : { error: UNREACHABLE };
  } catch {
    return { error: UNREACHABLE };
  }
}
