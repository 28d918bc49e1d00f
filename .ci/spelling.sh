#!/usr/bin/env bash
# Looks for misspelt words, with `typos` from PyPI in an environment of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check typos==1.52.0
"$environment/bin/typos" --format brief
