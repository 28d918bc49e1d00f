import { randomBytes } from 'node:crypto';

import { AccountClient, ProjectClient, type ClientOptions } from 'billfold-client';

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: .ci/beside.sh dev clients/typescript/test.sh`);
  return value;
}

/** Where the API is. */
export const baseUrl = variable('BILLFOLD_BASE_URL');
/** What the project API of `demo` is called with. */
export const projectToken = variable('BILLFOLD_PROJECT_TOKEN');
/** The same, with the scope `project:read` alone. */
export const readingToken = variable('BILLFOLD_READING_TOKEN');
/** What two users call the account API with. */
export const accountTokens = [variable('BILLFOLD_FIRST_USER_TOKEN'), variable('BILLFOLD_SECOND_USER_TOKEN')] as const;

const sandboxUrl = variable('BILLFOLD_SANDBOX_URL');
const publishableKey = variable('BILLFOLD_SANDBOX_PUBLISHABLE_KEY');

/** A client of the project API of `demo`. */
export function project(options: Partial<ClientOptions> & { project?: string } = {}): ProjectClient {
  return new ProjectClient({ baseUrl, project: 'demo', token: projectToken, ...options });
}

/** A client of the account API, for the first user. */
export function account(options: Partial<ClientOptions> = {}): AccountClient {
  return new AccountClient({ baseUrl, token: accountTokens[0], ...options });
}

/** A user whom nobody has seen. */
export function newUser(): string {
  return `usr_${randomBytes(8).toString('hex')}`;
}

/** Confirms a setup intent with a card, as Stripe.js does in a page, and gives the id of the payment method. */
export async function confirm(id: string, clientSecret: string, number: string): Promise<string> {
  const form = new URLSearchParams({
    key: publishableKey,
    client_secret: clientSecret,
    'payment_method_data[type]': 'card',
    'payment_method_data[card][number]': number,
    'payment_method_data[card][exp_month]': '12',
    'payment_method_data[card][exp_year]': '2034',
    'payment_method_data[card][cvc]': '123',
  });
  const confirmed = (await sandbox('POST', `/v1/setup_intents/${id}/confirm`, form)) as { payment_method: string };
  return confirmed.payment_method;
}

/** How Stripe's next requests go wrong. */
interface Fault {
  kind: string;
  path: string;
  method: string;
  count: number;
  milliseconds?: number;
}

/** Orders a fault of the sandbox's. */
export async function order(fault: Fault): Promise<void> {
  await sandbox('POST', '/_sandbox/faults', JSON.stringify(fault));
}

/** Takes back the faults that have not happened. */
export async function clearFaults(): Promise<void> {
  await sandbox('DELETE', '/_sandbox/faults');
}

/** How many setup intents were made at Stripe in the project's account. */
export async function setupIntentsMade(): Promise<number> {
  const ledger = await sandbox('GET', `/_sandbox/ledger?account=${publishableKey}`);
  const { entries } = ledger as { entries: { effect: string }[] };
  return entries.filter(({ effect }) => effect === 'setup_intent.created').length;
}

async function sandbox(method: string, path: string, body?: URLSearchParams | string): Promise<unknown> {
  const response = await fetch(new URL(path, sandboxUrl), { method, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
