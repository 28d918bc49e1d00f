#!/usr/bin/env bash
# Builds the TypeScript client and tries it: alone, and against the `billfold dev` beside which this runs.
#
# usage: .ci/beside.sh dev clients/typescript/test.sh
#
# Its packages are installed beside it, in the versions of the lock file; nothing else is changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${BILLFOLD_BASE_URL:?run it as .ci/beside.sh dev clients/typescript/test.sh}"

token() { "$BILLFOLD_BINARY" token --data-dir "$BILLFOLD_DATA_DIR" --project demo "$@"; }
export BILLFOLD_READING_TOKEN BILLFOLD_FIRST_USER_TOKEN BILLFOLD_SECOND_USER_TOKEN
BILLFOLD_READING_TOKEN=$(token --scope project:read)
BILLFOLD_FIRST_USER_TOKEN=$(token --user usr_first)
BILLFOLD_SECOND_USER_TOKEN=$(token --user usr_second)

npm ci --loglevel=error --no-audit --no-fund
rm -rf dist build
npm run --loglevel=error build
npm exec --loglevel=error --no -- tsc --project test/tsconfig.json
# One file after the other: faults of the sandbox are ordered for a whole account.
node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=spec build/*.test.js build/live/*.test.js
