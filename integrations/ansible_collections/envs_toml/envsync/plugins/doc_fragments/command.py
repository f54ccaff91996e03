"""Options that the modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the options by which a module finds and runs the command."""

    DOCUMENTATION = r"""
requirements:
  - envsync (the distribution C(envs-toml)) on the target; the role P(envs_toml.envsync.envsync#role) installs it
options:
  file:
    description:
      - The manifest. C(~) and variables are those of the target's user.
      - A relative path is relative to the home directory.
      - Without it, C($ENVSYNC_FILE) or the user's own manifest, C(envsync/envs.toml) in the configuration directory.
      - An C(envs.toml) in the home directory, or above it, comes first, and has to be trusted.
    type: path
  names:
    description:
      - The environments to look at, by name, path or glob. All of the manifest if empty.
    type: list
    elements: str
    default: []
  executable:
    description:
      - The command to run.
      - Without it, C(envsync) is looked for in C(~/.local/bin) and then in E(PATH).
    type: path
"""
