#!/bin/sh
# Runs COMMAND on the manifest FILE, for NAMES or for all; writes the summary and the outputs, and ends with its exit status.
set -euf # -f: a glob in NAMES is envsync's
case $COMMAND in
    check | apply) ;;
    *)
        echo "::error::The input command is neither check nor apply."
        printf 'status=error\nexit-code=2\n' >>"$GITHUB_OUTPUT"
        exit 2
        ;;
esac
report=$RUNNER_TEMP/envsync-report.json
status=0
# shellcheck disable=SC2086 # several names
"$RUNNER_TEMP/envsync/bin/envsync" "$COMMAND" --json --file "$FILE" -- $NAMES >"$report" || status=$?
"$RUNNER_TEMP/envsync/bin/python" -I "${0%/*}/summary.py" "$report" "$status"
exit "$status"
