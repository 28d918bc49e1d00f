#!/usr/bin/env bash
# Runs the test command of the README, shows what it says but for the tests that passed, and writes its summary to a file.
#
# usage: test.sh SUMMARY_FILE COMMAND
set -euo pipefail
summary=$1 command=$2
output=$(mktemp)
trap 'rm -f "$output"' EXIT

status=0
bash -c "$command" > >(tee "$output" | grep -Ev '^(test .* \.\.\. ok|   Compiling .*|running [0-9]+ tests?|)$') 2>&1 || status=$?
wait

awk -v command="$command" '
    /^test result: / {
        suites += 1
        for (field = 1; field <= NF; field += 1) {
            if ($field ~ /^passed/) passed += $(field - 1)
            if ($field ~ /^failed/) failed += $(field - 1)
            if ($field ~ /^ignored/) ignored += $(field - 1)
        }
    }
    END {
        printf "%s: %d passed, %d failed, %d ignored in %d suites\n", command, passed, failed, ignored, suites
        if (!suites || !passed) exit 1
    }
' "$output" >"$summary" || { echo "no test was run"; status=1; }
cat "$summary"
exit "$status"
