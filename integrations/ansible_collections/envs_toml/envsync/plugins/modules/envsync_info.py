#!/usr/bin/python
# Copyright: the envsync contributors
# MIT license (see LICENSE or https://opensource.org/license/mit)
"""Report on virtual environments and on the machine they are on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: envsync_info
short_description: Report the state of Python virtual environments
version_added: 0.1.0
description:
  - Reports every environment of a manifest as C(envsync status) does; with O(doctor) the machine is checked as well.
  - Conflicts are reported and fail nothing. A manifest that cannot be read fails the task.
extends_documentation_fragment:
  - envs_toml.envsync.command
options:
  orphans:
    description:
      - List what envsync has made and nothing declares any more as well.
    type: bool
    default: false
  doctor:
    description:
      - Check the machine as well.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode; only envsync's caches are written.
  diff_mode:
    support: N/A
    description: Changes nothing.
seealso:
  - module: envs_toml.envsync.envsync
author:
  - The envsync contributors (@envs-toml)
"""

EXAMPLES = r"""
- name: Look at all environments
  envs_toml.envsync.envsync_info:
  register: envs

- name: Name those that need a person
  ansible.builtin.debug:
    msg: "{{ envs.environments | selectattr('state', 'eq', 'conflict') | map(attribute='name') | list }}"

- name: Check the machine as well
  envs_toml.envsync.envsync_info:
    doctor: true
"""

RETURN = r"""
manifest:
  description: The absolute path of the manifest.
  returned: always
  type: str
  sample: /home/ada/.config/envsync/envs.toml
status:
  description: V(in-sync), V(drift) or V(conflict).
  returned: always
  type: str
  sample: in-sync
version:
  description: The version of envsync.
  returned: always
  type: str
  sample: 0.1.0
environments:
  description:
    - An entry for each environment, with C(name), C(path), C(state), C(python), C(drift), C(conflicts), C(kept) and
      what else envsync's docs/json.md says.
  returned: always
  type: list
  elements: dict
errors:
  description: Why the command as a whole failed.
  returned: always
  type: list
  elements: dict
orphans:
  description: What envsync has made and nothing declares any more, each with C(kind), C(name), C(place) and C(size).
  returned: with O(orphans)
  type: list
  elements: dict
checks:
  description: What was checked of the machine, each with C(code), C(status), C(message) and C(hint).
  returned: with O(doctor)
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.envs_toml.envsync.plugins.module_utils import command


def main():
    """Run the module."""
    flags = {name: {"type": "bool", "default": False} for name in ("orphans", "doctor")}
    module = AnsibleModule(argument_spec=dict(command.ARGUMENTS, **flags), supports_check_mode=True)
    params = module.params
    names = ["--", *params["names"]] if params["names"] else []
    document = command.run(module, "status", *(["--orphans"] if params["orphans"] else []), *names)
    result = dict(command.facts(document), changed=False)
    if params["orphans"]:
        result["orphans"] = document["orphans"]
    if params["doctor"]:
        result["checks"] = command.run(module, "doctor")["checks"]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
