import type { components } from './generated/openapi.js';
import type { CallOptions, ClientOptions, WriteOptions } from './options.js';
import { data, header, init, open, segment, type Transport } from './transport.js';

type Schemas = components['schemas'];

/** A saved payment method, as the account API shows it. */
export type AccountPaymentMethod = Schemas['AccountPaymentMethod'];
/** The payment method to save. */
export type NewAccountPaymentMethod = Schemas['NewAccountPaymentMethod'];
/** The user's attempt to save a card, as the account API shows it. */
export type AccountSetupIntent = Schemas['AccountSetupIntent'];

/**
 * The account API, for the pages of a tenant's own user. The token says whose payment methods these are.
 *
 * @example
 * ```ts
 * const account = new AccountClient({ baseUrl: 'http://127.0.0.1:8080', token });
 * const { client_secret } = await account.setupIntents.create();
 * // … the page confirms it with Stripe.js, which gives the id of a payment method …
 * await account.paymentMethods.create({ id });
 * ```
 */
export class AccountClient {
  /** The user's payment methods. */
  readonly paymentMethods: AccountPaymentMethods;
  /** The user's setup intents, by which the page collects a card. */
  readonly setupIntents: AccountSetupIntents;

  constructor(options: ClientOptions) {
    const transport = open(options);
    this.paymentMethods = new AccountPaymentMethods(transport);
    this.setupIntents = new AccountSetupIntents(transport);
  }
}

/** The payment methods of a user. */
export class AccountPaymentMethods {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Saves the payment method that Stripe.js gave back. One that is saved already is given back as it is. */
  async create(method: NewAccountPaymentMethod, options: WriteOptions = {}): Promise<AccountPaymentMethod> {
    const params = { header: header(options) };
    return data(this.#transport.POST('/v1/account/payment-methods', { params, body: method, ...init(options) }));
  }

  /** All the user's payment methods that can be used, newest first. They come in one piece; there are no pages. */
  async list(options: CallOptions = {}): Promise<AccountPaymentMethod[]> {
    return data(this.#transport.GET('/v1/account/payment-methods', init(options)));
  }

  /** Detaches a payment method at Stripe and deletes it, which cannot be undone. */
  async delete(id: string, options: WriteOptions = {}): Promise<void> {
    const params = { path: { id: segment(id) }, header: header(options) };
    await this.#transport.DELETE('/v1/account/payment-methods/{id}', { params, ...init(options) });
  }
}

/** The setup intents of a user. */
export class AccountSetupIntents {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Makes what the page needs to collect a card with Stripe.js. */
  async create(options: WriteOptions = {}): Promise<AccountSetupIntent> {
    const params = { header: header(options) };
    return data(this.#transport.POST('/v1/account/setup-intent', { params, ...init(options) }));
  }
}
