import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const home = fileURLToPath(new URL('..', import.meta.url));
const committed = join(home, 'src/generated/openapi.ts');

/** Whether a file is what the generator makes of openapi.yaml today. */
function isFresh(file: string): boolean {
  const generator = join(home, 'node_modules/openapi-typescript/bin/cli.js');
  const run = spawnSync(process.execPath, [generator, '../../openapi.yaml', '--output', file, '--check'], {
    cwd: home,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.ok(run.status === 0 || run.stderr.includes('not up-to-date'), run.stderr);
  return run.status === 0;
}

test('the generated types are those of openapi.yaml', () => {
  assert.ok(isFresh(committed), 'the contract has changed: npm run generate');
});

test('types that are not would be found', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'billfold-client-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const stale = join(directory, 'openapi.ts');
  copyFileSync(committed, stale);
  appendFileSync(stale, '// stale\n');
  assert.ok(!isFresh(stale));
});

test('the package has exact versions, and a lock file that names them', () => {
  const read = (name: string) => JSON.parse(readFileSync(join(home, name), 'utf8'));
  const { dependencies, devDependencies } = read('package.json');
  const { packages } = read('package-lock.json');
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.match(String(version), /^\d+\.\d+\.\d+$/);
    assert.equal(packages[`node_modules/${name}`].version, version);
  }
});

/** What of a module's exports, and of their members, has no description. */
function undescribed(file: string): string[] {
  const { NodeNext } = ts.ModuleKind;
  const program = ts.createProgram([file], { module: NodeNext, target: ts.ScriptTarget.ES2022, types: [] });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  const found: string[] = [];
  const look = (symbol: ts.Symbol, name: string): void => {
    if (symbol.getDocumentationComment(checker).length === 0) found.push(name);
  };
  for (const exported of checker.getExportsOfModule(module ?? assert.fail(file))) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    look(symbol, symbol.name);
    // What an alias of a generated type has is described in the contract.
    if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) continue;
    for (const [name, member] of symbol.members ?? []) {
      const nameless = member.flags & (ts.SymbolFlags.Constructor | ts.SymbolFlags.TypeParameter);
      if (!nameless && !String(name).includes('#private')) look(member, `${symbol.name}.${String(name)}`);
    }
  }
  return found;
}

test('every name that the package exports has a description', () => {
  assert.deepEqual(undescribed(join(home, 'dist/index.d.ts')), []);
});
