#!/usr/bin/env bash
# Holds the `billfold dev` beside which it runs (see beside.sh) against openapi.yaml, and shows that the server outlived it.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

curl --silent --fail --max-time 10 "$BILLFOLD_BASE_URL/openapi.yaml" | cmp - "$here/../openapi.yaml"
"$here/contract/schemathesis.sh" "$BILLFOLD_BASE_URL"
curl --silent --fail --show-error --max-time 10 "$BILLFOLD_BASE_URL/health/ready"
echo
