#!/usr/bin/env bash
# Holds a running `billfold dev` against openapi.yaml: validates the document, then sends generated requests to the
# server and checks every answer. Ends with 0 only when nothing failed.
#
# usage: .ci/contract/schemathesis.sh BASE_URL
# environment:
#   BILLFOLD_PROJECT_TOKEN            token for project `demo` with the scopes project:read and project:write
#   BILLFOLD_ACCOUNT_TOKEN            token of a user of `demo` with the scopes account:read and account:write
#   BILLFOLD_SANDBOX_URL              the Stripe sandbox behind the server
#   BILLFOLD_SANDBOX_PUBLISHABLE_KEY  the publishable key of `demo`'s account there
#   BILLFOLD_CONTRACT_VENV            where Python's packages go (default: under the directory for temporary files)
set -euo pipefail

base_url="${1:?usage: schemathesis.sh BASE_URL}"
for name in BILLFOLD_PROJECT_TOKEN BILLFOLD_ACCOUNT_TOKEN BILLFOLD_SANDBOX_URL BILLFOLD_SANDBOX_PUBLISHABLE_KEY; do
    if [ -z "${!name:-}" ]; then
        echo "schemathesis.sh: set $name first; the head of this file says what it is" >&2
        exit 2
    fi
done

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
document="$here/../../openapi.yaml"
requirements="$here/requirements.txt"
version="$(cksum < "$requirements" | cut -d ' ' -f 1)"
environment="${BILLFOLD_CONTRACT_VENV:-${TMPDIR:-/tmp}/billfold-contract-$(id -u)-$version}"

# The mark is set last, so that an installation that was broken off is done again.
if [ ! -e "$environment/installed-$version" ]; then
    python3 -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    touch "$environment/installed-$version"
fi

"$environment/bin/openapi-spec-validator" "$document"

# Whatever the run leaves behind goes with its working directory.
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
export BILLFOLD_CONTRACT_HOOKS="$here/hooks.py"
export PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_DISABLE_TELEMETRY=1
run() {
    "$environment/bin/st" --config-file "$here/schemathesis.toml" run "$document" --url "$base_url" --no-color "$@"
}

# The stateful phase begins with what needs nothing before it, and passes over the project API's operations, which need
# a project, as long as it sees the account API's, which do not. So each face gets a run of its own.
failures=0
# Generated requests to the operator API would delete the project that the others need.
run --phases examples,coverage,fuzzing --exclude-path-regex '^/operator/' || failures=1
run --phases stateful --include-path-regex '^/projects/' || failures=1
run --phases stateful --include-path-regex '^/v1/' || failures=1
exit "$failures"
