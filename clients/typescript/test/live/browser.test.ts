import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { accountTokens, baseUrl } from '../support/environment.js';
import { FaultyProxy } from '../support/faulty-proxy.js';

const home = fileURLToPath(new URL('../..', import.meta.url));

/** What the page does, in its own origin, which is not the API's. */
const script = `
  import { AccountClient } from 'billfold-client';
  const report = (told) => fetch('/told', { method: 'POST', body: JSON.stringify(told) });
  try {
    const { baseUrl, token } = await (await fetch('/settings')).json();
    const account = new AccountClient({ baseUrl, token, retry: { firstPauseMilliseconds: 1 } });
    const before = await account.paymentMethods.list();
    const saved = await account.paymentMethods.create({ id: 'pm_card_discover' });
    const after = await account.paymentMethods.list();
    await account.paymentMethods.delete(saved.id);
    const gone = await account.paymentMethods.delete(saved.id).catch((error) => error);
    await report({ before: before.length, after: after.length, brand: saved.brand, type: gone.type, request: gone.requestId });
  } catch (error) {
    await report({ error: String(error), cause: String(error.cause) });
  }`;
const page = `<!doctype html><title>Billfold</title>
<script type="importmap">{"imports": {"billfold-client": "/dist/index.js", "openapi-fetch": "/openapi-fetch.js"}}</script>
<script type="module">${script}</script>`;

/** Serves the page, and gives back its address and what it tells. */
async function serve(context: TestContext, settings: object): Promise<{ url: string; told: Promise<unknown> }> {
  let tell: (value: unknown) => void;
  const told = new Promise<unknown>((resolve) => (tell = resolve));
  const files: Record<string, () => [type: string, content: string | Buffer]> = {
    '/': () => ['text/html', page],
    '/settings': () => ['application/json', JSON.stringify(settings)],
    '/openapi-fetch.js': () => ['text/javascript', readFileSync(join(home, 'node_modules/openapi-fetch/dist/index.mjs'))],
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (path === '/told') {
      response.end();
      void text(request).then((body) => tell(JSON.parse(body)));
      return;
    }
    if (/^\/dist\/[a-z/]+\.js$/.test(path)) files[path] = () => ['text/javascript', readFileSync(join(home, path))];
    const [type, content] = files[path]?.() ?? [];
    response.writeHead(type === undefined ? 404 : 200, type === undefined ? {} : { 'Content-Type': type }).end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, told };
}

test('a page in Chromium saves a card once although an answer is lost', { timeout: 120_000 }, async (context) => {
  const proxy = await FaultyProxy.start(baseUrl);
  context.after(() => proxy.stop());
  proxy.expectOf('POST', 'lose answer');
  const { url, told } = await serve(context, { baseUrl: proxy.url, token: accountTokens[1] });
  const profile = mkdtempSync(join(tmpdir(), 'billfold-client-'));
  // It runs our own page alone, so it needs no sandbox, which root would not get.
  const options = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server'];
  const browser = spawn('chromium', [...options, '--no-first-run', `--user-data-dir=${profile}`, url], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  browser.stderr.resume();
  // Its processes write to the profile until the last of them is gone, and each has the other end of this pipe.
  const gone = new Promise((resolve) => browser.on('close', resolve));
  const ended = new Promise<never>((_, reject) => {
    browser.on('error', (cause) => reject(new Error('Chromium does not start: apt-get install chromium', { cause })));
    browser.on('exit', (code) => reject(new Error(`Chromium ended before the page told anything, with ${code}`)));
  });
  ended.catch(() => {});
  context.after(async () => {
    browser.kill('SIGTERM');
    await gone;
    rmSync(profile, { recursive: true });
  });

  const { before, after, brand, type, request, ...rest } = (await Promise.race([told, ended])) as Record<string, unknown>;
  assert.deepEqual(rest, {});
  assert.deepEqual([brand, type, after], ['discover', 'gone', Number(before) + 1]);
  // The header that is not shown to every page, which the service lets pages read.
  assert.match(String(request), /^req_/);
  const posts = proxy.exchanges.filter(({ method }) => method === 'POST');
  assert.deepEqual(posts.map(({ status }) => status), [201, 201]);
  assert.equal(new Set(posts.map(({ headers }) => headers['idempotency-key'])).size, 1);
});
