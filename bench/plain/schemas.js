// What Fastify checks queries with, and writes answers by: quicker than without.

const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };

export const querySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'integer', minimum: 0, maximum: 200, default: 10 },
    user: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' },
    after: { type: 'string', pattern: '^[A-Za-z0-9_]{1,255}$' },
  },
};

export const paymentMethodSchema = {
  type: 'object',
  properties: {
    object: text,
    id: text,
    brand: textOrNull,
    clientSecret: textOrNull,
    last4: textOrNull,
    provider: text,
    status: text,
    type: text,
    user: text,
    createdAt: text,
  },
};

export const listSchema = {
  type: 'object',
  properties: {
    object: text,
    items: { type: 'array', items: paymentMethodSchema },
    moreItemsAfter: textOrNull,
    moreItemsBefore: textOrNull,
  },
};

export const errorSchema = {
  type: 'object',
  properties: { object: text, type: text, message: text },
};
