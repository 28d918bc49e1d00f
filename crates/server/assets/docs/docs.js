// The API reference. On a development server each request that is tried has a token that is good for it.

/** Tokens by the beginning of the paths that they are for; none but on a development server. */
async function readTokens() {
  const response = await fetch("/docs/tokens.json", { cache: "no-store" });
  return response.ok ? await response.json() : {};
}

const offered = Object.keys(await readTokens());

/** Gives a request a fresh token, unless somebody has entered one of their own under "Authorize". */
async function authorize(request) {
  const { pathname, origin } = new URL(request.url, location.href);
  const beginning = offered.find((path) => pathname.startsWith(path));
  if (origin === location.origin && beginning && !request.headers.Authorization) {
    const token = (await readTokens())[beginning];
    if (token) request.headers.Authorization = `Bearer ${token}`;
  }
  return request;
}

if (offered.length > 0) {
  document.getElementById("tokens").textContent =
    `Requests that you try under ${offered.join(", ")} have a fresh token of the development issuer. Under "Authorize" you can enter another.`;
}

window.SwaggerUIBundle({
  url: "/openapi.yaml",
  dom_id: "#reference",
  deepLinking: true,
  tryItOutEnabled: offered.length > 0,
  validatorUrl: null,
  requestInterceptor: authorize,
});
