#!/usr/bin/env bash
# Plants known bugs, one at a time, in a copy of the sources, and demands that the test that is named for each fails.
#
#   torture/planted-bugs.sh [NAME...]
#
# A bug is a patch in torture/planted-bugs. Its first lines say what it breaks and, after "Caught by: ", the arguments of
# the `cargo test` that must fail. The same test must pass without the bug. Nothing of this checkout is changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bugs=("$@")
[ "${#bugs[@]}" -gt 0 ] || for patch in torture/planted-bugs/*.patch; do bugs+=("$(basename "$patch" .patch)"); done

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$copy"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/planted-bugs} CARGO_TERM_COLOR=never RUST_BACKTRACE=0
missed=0

for bug in "${bugs[@]}"; do
    patch=$PWD/torture/planted-bugs/$bug.patch
    test=$(sed -n 's/^Caught by: //p' "$patch")
    read -ra arguments <<<"$test"
    (cd "$copy" && timeout 900 cargo test --quiet "${arguments[@]}" >"$copy/output" 2>&1) || {
        tail -n 20 "$copy/output"
        echo "| $bug | \`cargo test $test\` | fails without the bug |"
        exit 1
    }
    patch --quiet -d "$copy" -p1 <"$patch"
    # A bug that does not compile proves nothing: a test must have run, and failed.
    if (cd "$copy" && timeout 900 cargo test --quiet "${arguments[@]}" >"$copy/output" 2>&1); then
        echo "| $bug | \`cargo test $test\` | NOT CAUGHT |"
        missed=1
    elif grep -q '^test result: FAILED' "$copy/output"; then
        echo "| $bug | \`cargo test $test\` | caught |"
    else
        tail -n 20 "$copy/output"
        echo "| $bug | \`cargo test $test\` | no test ran |"
        missed=1
    fi
    patch --quiet --reverse -d "$copy" -p1 <"$patch"
done
exit "$missed"
