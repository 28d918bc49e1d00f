#!/usr/bin/env bash
# fuzz/run.sh SECONDS [TARGET...]: runs each target, or those that are named, for so many seconds, one after the other.
# Needs a nightly compiler and cargo-fuzz (`cargo install cargo-fuzz --locked`). What makes a target crash is written
# to fuzz/artifacts, and the script then ends with 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds=${1:?say for how many seconds each target shall run}
shift
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list --fuzz-dir .)

cargo +nightly fuzz build --fuzz-dir .
failed=()
for target in "${targets[@]}"; do
    if output=$(cargo +nightly fuzz run --fuzz-dir . "$target" -- -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 2>&1); then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' <<<"$output")
        printf '%-18s %12s runs in %s s, no crash\n' "$target" "$runs" "$seconds"
    else
        printf '%-18s FAILED\n%s\n' "$target" "$(tail -n 40 <<<"$output")"
        failed+=("$target")
    fi
done
[ "${#failed[@]}" -eq 0 ]
