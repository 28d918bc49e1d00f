// The routes, and what they answer.

import fastify from 'fastify';

import { makeAuthorization } from './authorization.js';
import { makeDatabase } from './database.js';
import { find, page } from './payment-methods.js';
import { Refusal } from './refusal.js';
import { errorSchema, listSchema, paymentMethodSchema, querySchema } from './schemas.js';

/** The service, which does not listen yet. */
export function makeApplication({ database: url, connections, isolation, issuer, key }) {
  const run = makeDatabase(url, connections, isolation);
  const authorize = makeAuthorization(issuer, key);
  const application = fastify({ logger: false, ajv: { customOptions: { removeAdditional: false } } });

  application.addHook('onRequest', async (request) => {
    const { project, scopes } = authorize(request.headers.authorization);
    if (!scopes.includes('project:read')) {
      throw new Refusal(403, 'permissionDenied', 'The token lacks the scope project:read');
    }
    if (project !== request.params.project) {
      throw notFound();
    }
  });

  application.get(
    '/projects/:project/paymentMethods',
    { schema: { querystring: querySchema, response: { 200: listSchema, '4xx': errorSchema } } },
    async ({ params, query }) => {
      const found = await page(run, params.project, query);
      if (!found) {
        throw new Refusal(422, 'invalid', 'after is no payment method of this project');
      }
      return found;
    },
  );

  application.get(
    '/projects/:project/paymentMethods/:id',
    { schema: { response: { 200: paymentMethodSchema, '4xx': errorSchema } } },
    async ({ params }) => {
      const found = await find(run, params.project, params.id);
      if (!found) {
        throw notFound();
      }
      return found;
    },
  );

  application.setNotFoundHandler(() => {
    throw notFound();
  });
  application.setErrorHandler((error, _request, reply) => {
    const refusal = error.validation ? new Refusal(422, 'invalid', error.message) : error;
    if (!(refusal instanceof Refusal)) {
      console.error(error);
      return reply.code(500).send({ object: 'error', type: 'internal', message: 'Internal error' });
    }
    if (refusal.status === 401) {
      reply.header('www-authenticate', 'Bearer');
    }
    return reply.code(refusal.status).send({ object: 'error', type: refusal.type, message: refusal.message });
  });
  return application;
}

function notFound() {
  return new Refusal(404, 'notFound', 'The requested object was not found');
}
