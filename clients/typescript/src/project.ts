import type { components, operations } from './generated/openapi.js';
import type { CallOptions, ClientOptions, WriteOptions } from './options.js';
import { PagedList, type Page } from './paging.js';
import { data, header, init, open, segment, type Transport } from './transport.js';

type Schemas = components['schemas'];

/** A saved payment method, as the project API shows it. */
export type PaymentMethod = Schemas['PaymentMethod'];
/** The payment method to save, and whose it is. */
export type NewPaymentMethod = Schemas['NewPaymentMethod'];
/** A user's attempt to save a card, as the project API shows it. */
export type SetupIntent = Schemas['SetupIntent'];
/** Whose card the setup intent will save. */
export type NewSetupIntent = Schemas['NewSetupIntent'];
/** That a caller wanted something done, and what came of it. */
export type AuditEvent = Schemas['AuditEvent'];
/** Which payment methods to list, and from where on. */
export type PaymentMethodQuery = NonNullable<operations['listPaymentMethods']['parameters']['query']>;
/** Which audit events to list, and from where on. */
export type AuditEventQuery = NonNullable<operations['listAuditEvents']['parameters']['query']>;

/** A walk goes through all pages, so it takes large ones unless told otherwise. */
const pageOfAWalk = 100;

/** How to reach a project, and in whose name. */
export interface ProjectClientOptions extends ClientOptions {
  /** The project, which must be the token's own. */
  project: string;
}

/**
 * The project API, for a tenant's own backend, which acts for all users of its project. Not for browsers: its token sees
 * every user.
 *
 * @example
 * ```ts
 * const billfold = new ProjectClient({ baseUrl: 'http://127.0.0.1:8080', project: 'demo', token });
 * for await (const method of billfold.paymentMethods.list({ user: 'usr_alice' })) console.log(method.id);
 * ```
 */
export class ProjectClient {
  /** The project's payment methods. */
  readonly paymentMethods: PaymentMethods;
  /** The project's setup intents, by which a user's page collects a card. */
  readonly setupIntents: SetupIntents;
  /** The project's audit log. */
  readonly auditEvents: AuditEvents;

  constructor(options: ProjectClientOptions) {
    const project = segment(options.project);
    const transport = open(options);
    this.paymentMethods = new PaymentMethods(transport, project);
    this.setupIntents = new SetupIntents(transport, project);
    this.auditEvents = new AuditEvents(transport, project);
  }
}

/** The payment methods of a project. */
export class PaymentMethods {
  readonly #transport: Transport;
  readonly #project: string;

  /** @internal */
  constructor(transport: Transport, project: string) {
    this.#transport = transport;
    this.#project = project;
  }

  /**
   * Saves a payment method of Stripe's for a user. One that is saved for the user already is given back as it is. Where
   * `status` is `requiresConfirmation`, its owner must still pass a check, with `clientSecret`.
   */
  async create(method: NewPaymentMethod, options: WriteOptions = {}): Promise<PaymentMethod> {
    const params = { path: { project: this.#project }, header: header(options) };
    return data(this.#transport.POST('/projects/{project}/paymentMethods', { params, body: method, ...init(options) }));
  }

  /** Retrieves one payment method. */
  async retrieve(id: string, options: CallOptions = {}): Promise<PaymentMethod> {
    const params = { path: { project: this.#project, id: segment(id) } };
    return data(this.#transport.GET('/projects/{project}/paymentMethods/{id}', { params, ...init(options) }));
  }

  /** Detaches a payment method at Stripe and deletes it, which cannot be undone. Gives back what it was. */
  async delete(id: string, options: WriteOptions = {}): Promise<PaymentMethod> {
    const params = { path: { project: this.#project, id: segment(id) }, header: header(options) };
    return data(this.#transport.DELETE('/projects/{project}/paymentMethods/{id}', { params, ...init(options) }));
  }

  /** All payment methods that the filters leave, newest first, fetched page by page. `limit` is the size of a page. */
  list(query: Omit<PaymentMethodQuery, 'before'> = {}, options: CallOptions = {}): PagedList<PaymentMethod> {
    return new PagedList((after) =>
      this.page({ limit: pageOfAWalk, ...query, ...(after === undefined ? {} : { after }) }, options),
    );
  }

  /** One page, for who shows pages: give `moreItemsAfter` as `after`, or `moreItemsBefore` as `before`, to turn it. */
  async page(query: PaymentMethodQuery = {}, options: CallOptions = {}): Promise<Page<PaymentMethod>> {
    const params = { path: { project: this.#project }, query };
    const answer = this.#transport.GET('/projects/{project}/paymentMethods', { params, ...init(options) });
    // The generated type of a page has it right. openapi-fetch leaves out what is always `null`, as `clientSecret` is here.
    return data(answer as Promise<{ data?: Schemas['PaymentMethodList'] }>);
  }
}

/** The setup intents of a project. */
export class SetupIntents {
  readonly #transport: Transport;
  readonly #project: string;

  /** @internal */
  constructor(transport: Transport, project: string) {
    this.#transport = transport;
    this.#project = project;
  }

  /** Makes what a user's page needs to collect a card with Stripe.js. */
  async create(intent: NewSetupIntent, options: WriteOptions = {}): Promise<SetupIntent> {
    const params = { path: { project: this.#project }, header: header(options) };
    return data(this.#transport.POST('/projects/{project}/setupIntents', { params, body: intent, ...init(options) }));
  }

  /** Retrieves a setup intent, fresh from Stripe. */
  async retrieve(id: string, options: CallOptions = {}): Promise<SetupIntent> {
    const params = { path: { project: this.#project, id: segment(id) } };
    return data(this.#transport.GET('/projects/{project}/setupIntents/{id}', { params, ...init(options) }));
  }
}

/** The audit log of a project: who asked for which change, and what came of it. */
export class AuditEvents {
  readonly #transport: Transport;
  readonly #project: string;

  /** @internal */
  constructor(transport: Transport, project: string) {
    this.#transport = transport;
    this.#project = project;
  }

  /** All events that the filters leave, newest first, fetched page by page. `limit` is the size of a page. */
  list(query: Omit<AuditEventQuery, 'before'> = {}, options: CallOptions = {}): PagedList<AuditEvent> {
    return new PagedList((after) =>
      this.page({ limit: pageOfAWalk, ...query, ...(after === undefined ? {} : { after }) }, options),
    );
  }

  /** One page, for who shows pages: give `moreItemsAfter` as `after`, or `moreItemsBefore` as `before`, to turn it. */
  async page(query: AuditEventQuery = {}, options: CallOptions = {}): Promise<Page<AuditEvent>> {
    const params = { path: { project: this.#project }, query };
    return data(this.#transport.GET('/projects/{project}/auditEvents', { params, ...init(options) }));
  }
}
