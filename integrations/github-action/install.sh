#!/bin/sh
# Installs envsync for the following steps: the release VERSION, else the checkout of the action. PYTHON is what runs it.
set -eu
case $VERSION in
    "") what=$GITHUB_ACTION_PATH ;;
    *[!0-9A-Za-z.+]*)
        echo "::error::The input version is not the number of a release, such as 0.1.0."
        exit 2
        ;;
    *) what=envs-toml==$VERSION ;;
esac
"$PYTHON" -m venv "$RUNNER_TEMP/envsync"
"$RUNNER_TEMP/envsync/bin/python" -m pip install --quiet "$what"
# A directory with this command alone: with the environment's own bin, the job's Python would change.
mkdir -p "$RUNNER_TEMP/envsync/command"
ln -sf ../bin/envsync "$RUNNER_TEMP/envsync/command/envsync"
echo "$RUNNER_TEMP/envsync/command" >>"$GITHUB_PATH"
