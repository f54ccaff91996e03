#!/bin/sh
# envsync.sh [MANIFEST]           checks that the manifest is valid, and that what it says can be made
# envsync.sh --drift [MANIFEST]   makes nothing: checks that a machine or an image still is what was made
# Exit status: 0 all is in sync, 1 an environment cannot be made, 2 the manifest is not valid, 3 drift.
set -eu
make=true
if [ "${1:-}" = --drift ]; then
    make=false
    shift
fi
manifest=${1:-envs.toml}

if $make; then
    envsync plan --file "$manifest" # ends here with 2 or 1, before anything is written
    envsync apply --file "$manifest"
fi

status=0
envsync check --file "$manifest" || status=$?
[ "$status" -ne 3 ] || envsync plan --file "$manifest" || : # what differs, and why
exit "$status"
