#!/usr/bin/env bash
# Runs the tests: those that start programs of their own (brokers, servers, workers) beside those that do not, for on
# two cores the first wait most of the time. Arguments go to pytest; one that names a test runs it alone.
#   scripts/test.sh [--durations=15] [-k name] [tests/unit/test_ids.py]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PYTEST=.venv/bin/pytest
readonly NOTHING_CHOSEN=5  # pytest's exit code where no test was selected
readonly ALONE=(tests/unit)
readonly STARTING_PROGRAMS=(tests/contract tests/stream tests/integration tests/faults)

for argument in "$@"; do
    case $argument in
        tests/*) exec "$PYTEST" "$@" ;;
    esac
done

report=$(mktemp)
trap 'rm -f "$report"' EXIT
"$PYTEST" "${ALONE[@]}" "$@" > "$report" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null; wait "$beside"; exit 130' INT TERM
"$PYTEST" "${STARTING_PROGRAMS[@]}" "$@"
programs=$?
echo "== ${ALONE[*]}, run beside them"
wait "$beside"
alone=$?
cat "$report"
for code in "$programs" "$alone"; do
    [ "$code" -eq 0 ] || [ "$code" -eq "$NOTHING_CHOSEN" ] || exit "$code"
done
[ "$programs" -ne "$NOTHING_CHOSEN" ] || [ "$alone" -ne "$NOTHING_CHOSEN" ]
