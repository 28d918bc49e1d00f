// The process that listens: one alone, or one for each core, which share the port.

import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

import { makeApplication } from './application.js';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string' },
    processes: { type: 'string', default: String(availableParallelism()) },
    issuer: { type: 'string' },
    isolation: { type: 'string', default: 'transaction' },
    connections: { type: 'string', default: '10' },
  },
});

/** Ends the process with what is wrong with its settings. */
function refuse(message) {
  console.error(message);
  process.exit(2);
}

/** The whole number of an option, between 1 and `most`. */
function whole(name, most) {
  const number = Number(options[name]);
  if (!Number.isInteger(number) || number < 1 || number > most) {
    refuse(`--${name} must be a whole number from 1 to ${most}`);
  }
  return number;
}

const port = whole('port', 65_535);
const processes = whole('processes', 256);
const connections = whole('connections', 1_000);
const [issuer, keySet] = options.issuer?.split('=') ?? [];
if (!keySet) {
  refuse('--issuer must be NAME=FILE, the file a key set (JWKS)');
}
if (!process.env.DATABASE_URL) {
  refuse('DATABASE_URL must name the database');
}

if (cluster.isPrimary && processes > 1) {
  for (let started = 0; started < processes; started += 1) {
    cluster.fork();
  }
  let listening = 0;
  cluster.on('listening', () => {
    listening += 1;
    if (listening === processes) {
      console.log('listening');
    }
  });
  // A process that ends takes the others along: whoever measures must not measure fewer than were asked for.
  cluster.on('exit', () => process.exit(1));
} else {
  const application = makeApplication({
    database: process.env.DATABASE_URL,
    connections,
    isolation: options.isolation,
    issuer,
    key: JSON.parse(readFileSync(keySet, 'utf8')).keys[0],
  });
  await application.listen({ host: '127.0.0.1', port });
  if (cluster.isPrimary) {
    console.log('listening');
  }
}
