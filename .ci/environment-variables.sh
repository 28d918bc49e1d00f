#!/usr/bin/env bash
# Every environment variable of the command line and of the tests is in .env.example, and no other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

read_by_code() {
    grep -rhoE 'env = "BILLFOLD_[A-Z_]+"' crates/server/src/cli | grep -oE 'BILLFOLD_[A-Z_]+'
    # What no option has, since arguments are seen by every process.
    grep -rhoE 'VARIABLE: &str = "BILLFOLD_[A-Z_]+"' crates/server/src/cli | grep -oE 'BILLFOLD_[A-Z_]+'
    grep -rhoE '"BILLFOLD_TEST_[A-Z_]+"' crates/test-support/src | tr -d '"'
}
if ! diff <(grep -oE '^#?BILLFOLD_[A-Z_]+' .env.example | tr -d '#' | sort) <(read_by_code | sort -u); then
    echo ".env.example (<) and the code (>) differ: give each variable one line, with a comment"
    exit 1
fi
echo ".env.example has every variable once"
