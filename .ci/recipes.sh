#!/usr/bin/env bash
# Reads the justfile, with `just` from PyPI in an environment of its own: every recipe that a document names is one, each can be
# read to its end, and new-migration makes what it says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet --disable-pip-version-check rust-just==1.59.0
just() { "$work/environment/bin/just" "$@"; }

recipes=$(just --summary)
for named in $(git grep -hoE '`just [a-z][a-z0-9-]*' -- '*.md' justfile | sed 's/.* //' | sort -u); do
    [[ " $recipes " == *" $named "* ]] || { echo "a document names 'just $named', which is no recipe"; exit 1; }
done
for recipe in $recipes; do
    argument=()
    [ "$recipe" != new-migration ] || argument=(try_it)
    # It prints what it would run to standard error.
    just --dry-run "$recipe" "${argument[@]}" 2>"$work/lines" || { cat "$work/lines"; exit 1; }
    bash -n "$work/lines"
done

# In a tree that has nothing but the places that it writes to.
tree=$work/tree
mkdir -p "$tree"/migrations/{postgres,sqlite} "$tree/crates/store/src"
just --justfile justfile --working-directory "$tree" new-migration add_default_method >/dev/null
for database in postgres sqlite; do
    for direction in up down; do
        made=("$tree/migrations/$database"/[0-9]*_add_default_method/$direction.sql)
        [ -s "${made[0]}" ] || { echo "new-migration made no $direction.sql for $database"; exit 1; }
    done
done
for name in 'Bad name' '' '9th' 'drop;table'; do
    if just --justfile justfile --working-directory "$tree" new-migration "$name" 2>"$work/refusal"; then
        echo "new-migration took the name '$name'"
        exit 1
    fi
    grep -q 'a name is of' "$work/refusal" || { cat "$work/refusal"; exit 1; }
done
echo "$(wc -w <<<"$recipes") recipes, and every one that a document names is there"
