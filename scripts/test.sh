#!/usr/bin/env bash
# Runs the tests in two lanes side by side, for on two cores those that start programs of their own (brokers, servers,
# workers) wait most of the time; two such at once would starve each other. Arguments go to pytest; one that names a
# test runs it alone.
#   scripts/test.sh [--durations=15] [-k name] [tests/unit/test_ids.py]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PYTEST=.venv/bin/pytest
readonly NOTHING_CHOSEN=5  # pytest's exit code where no test was selected
readonly LIGHT=(tests/integration/results tests/integration/test_shots_{command,on_evaluation_data,on_made_material}.py)
readonly SHOWN=(tests/contract tests/stream tests/integration tests/faults "${LIGHT[@]/#/--ignore=}")
readonly BESIDE=(tests/unit "${LIGHT[@]}")

for argument in "$@"; do
    case $argument in
        tests/*) exec "$PYTEST" "$@" ;;
    esac
done

report=$(mktemp)
trap 'rm -f "$report"' EXIT
"$PYTEST" "${BESIDE[@]}" "$@" > "$report" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null; wait "$beside"; cat "$report"; exit 130' INT TERM
"$PYTEST" "${SHOWN[@]}" "$@"
shown_code=$?
echo "== ${BESIDE[*]}, run beside these"
wait "$beside"
beside_code=$?
cat "$report"
for code in "$shown_code" "$beside_code"; do
    [ "$code" -eq 0 ] || [ "$code" -eq "$NOTHING_CHOSEN" ] || exit "$code"
done
[ "$shown_code" -ne "$NOTHING_CHOSEN" ] || [ "$beside_code" -ne "$NOTHING_CHOSEN" ]
