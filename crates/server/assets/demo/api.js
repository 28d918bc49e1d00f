// The account API, as a tenant's page calls it with a token of its user.

/** How often one request is sent, and the longest pause between two. */
const SENDS = 3;
const LONGEST_PAUSE = 5_000;

/** A request that was refused or got no answer. Its message is a sentence for the user. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }

  /** Whether the same request may be done when it is sent again. */
  get mayPass() {
    return [0, 409, 429, 500, 503].includes(this.status);
  }
}

function duration(seconds) {
  if (seconds < 90) return `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  const after = Number(response.headers.get("Retry-After"));
  const advice = after > 0 ? ` Try again in ${duration(after)}.` : "";
  return new ApiError((body.message ?? "The server gave an answer that this page does not know.") + advice, response.status);
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class AccountApi {
  #token;
  #freshToken;

  /** `freshToken` gives another token when the first has expired. */
  constructor(token, freshToken) {
    this.#token = token;
    this.#freshToken = freshToken;
  }

  /** All of the user's cards, newest first: the list is not paged by the server. */
  list() {
    return this.#call("GET", "/v1/account/payment-methods");
  }

  createSetupIntent(idempotencyKey) {
    return this.#call("POST", "/v1/account/setup-intent", { idempotencyKey });
  }

  save(id, idempotencyKey) {
    return this.#call("POST", "/v1/account/payment-methods", { idempotencyKey, body: { id } });
  }

  remove(id, idempotencyKey) {
    return this.#call("DELETE", `/v1/account/payment-methods/${encodeURIComponent(id)}`, { idempotencyKey });
  }

  /** Sends a request until there is a definite answer: the key lets the server see that it is the same request. */
  async #call(method, path, { idempotencyKey, body } = {}) {
    let renewed = false;
    for (let sends = 1; ; sends += 1) {
      const { response, error } = await this.#send(method, path, idempotencyKey, body);
      if (response?.ok) return response.status === 204 ? null : response.json();
      if (response?.status === 401 && !renewed) {
        renewed = true;
        this.#token = await this.#freshToken();
        continue;
      }
      const failure = error ?? (await refusal(response));
      const wait = response ? 1000 * Number(response.headers.get("Retry-After") ?? 1) : 1000;
      const again = [0, 409, 503].includes(failure.status) && wait <= LONGEST_PAUSE;
      if (!again || sends === SENDS) throw failure;
      await pause(wait);
    }
  }

  async #send(method, path, idempotencyKey, body) {
    const headers = { Authorization: `Bearer ${this.#token}` };
    if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
    if (body) headers["Content-Type"] = "application/json";
    try {
      const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
      return { response };
    } catch {
      return { error: new ApiError("The server did not answer. Is it running?", 0) };
    }
  }
}
