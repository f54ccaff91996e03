#!/bin/sh
# Run this after a change, on each machine: it links the manifest to its place and makes what it says.
# Arguments go to `envsync apply`, such as --dry-run.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# --no-folding links files, never a whole directory: what others write into ~/.config stays out of this repository.
# --restow removes the links to files that are gone from here too, and leaves the other links as they are.
stow --dir="$here" --target="$HOME" --no-folding --restow envsync

# By its name: without, an envs.toml in the current directory would come first.
exec envsync apply --file "$HOME/.config/envsync/envs.toml" "$@"
