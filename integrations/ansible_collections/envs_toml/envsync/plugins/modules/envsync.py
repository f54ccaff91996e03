#!/usr/bin/python
# Copyright: the envsync contributors
# MIT license (see LICENSE or https://opensource.org/license/mit)
"""Make virtual environments as their manifest says."""

from __future__ import annotations

DOCUMENTATION = r"""
module: envsync
short_description: Keep Python virtual environments as a manifest says
version_added: 0.1.0
description:
  - Runs C(envsync apply) on the target, which creates, repairs and rebuilds virtual environments as C(envs.toml) says.
    What is rebuilt is swapped in atomically with all of its packages. Links are never replaced.
  - A conflict or a failure of one environment stops only that one. The task fails then, with every environment's
    reason, and the others are done.
extends_documentation_fragment:
  - envs_toml.envsync.command
options:
  state:
    description:
      - V(applied) brings the environments to what the manifest says.
      - V(pruned) removes what envsync has made and nothing declares any more, and generations beyond those to be kept,
        as C(envsync prune --yes) does. What holds files of the user's stays.
    type: str
    choices: [applied, pruned]
    default: applied
  force_rebuild:
    description:
      - Names of environments to rebuild even if nothing is wrong. Each run changes them.
    type: list
    elements: str
    default: []
  deep:
    description:
      - Compare every file of every installed package with what was installed, and reinstall the damaged ones.
    type: bool
    default: false
  jobs:
    description:
      - How many environments to work on side by side. By default two for each core.
    type: int
attributes:
  check_mode:
    support: full
    description: Can run in check mode and predict the changes, without making any; only envsync's caches are written.
  diff_mode:
    support: full
    description: Shows the interpreter, packages and links of each environment that changes, before and after.
notes:
  - In check mode, a conflict fails the task as it would without.
  - What an installer will choose for an environment that is still to be created is not known before; in check mode the
    heading of the diff says what is declared.
  - With O(state=pruned), the options O(names), O(force_rebuild), O(deep) and O(jobs) are refused.
seealso:
  - module: envs_toml.envsync.envsync_info
author:
  - The envsync contributors (@envs-toml)
"""

EXAMPLES = r"""
- name: Make all environments as the user's manifest says
  envs_toml.envsync.envsync:

- name: Only those of a service, from a manifest of its own
  envs_toml.envsync.envsync:
    file: /srv/app/envs.toml
    names: ["app", "svc*"]

- name: Bring back damaged packages
  envs_toml.envsync.envsync:
    deep: true

- name: Rebuild one from scratch
  envs_toml.envsync.envsync:
    force_rebuild: blog

- name: Remove what nothing declares any more
  envs_toml.envsync.envsync:
    state: pruned
"""

RETURN = r"""
manifest:
  description: The absolute path of the manifest.
  returned: when one was found
  type: str
  sample: /home/ada/.config/envsync/envs.toml
status:
  description:
    - V(in-sync), V(applied), V(conflict), V(failed) or V(error); in check mode V(drift) where something would be done.
  returned: always
  type: str
  sample: applied
version:
  description: The version of envsync.
  returned: always
  type: str
  sample: 0.1.0
environments:
  description: An entry for each environment, as envsync's docs/json.md says. Empty with O(state=pruned).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: As declared.
      type: str
      sample: blog
      returned: always
    path:
      description: As declared, absolute.
      type: str
      sample: /home/ada/src/blog/.venv
      returned: always
    state:
      description: V(in-sync), V(missing), V(drift), V(conflict) or V(waiting).
      type: str
      sample: in-sync
      returned: always
    outcome:
      description: What was done, such as V(created), V(rebuilt) or V(unchanged).
      type: str
      sample: rebuilt
      returned: outside of check mode
    actions:
      description: What was done; in check mode, what would be. Each with C(kind) and C(message).
      type: list
      elements: dict
      returned: always
    drift:
      description: Each difference, with C(code), C(message), and where known C(before) and C(after).
      type: list
      elements: dict
      returned: always
    packages:
      description: Each package whose version changes, with C(name), C(before) and C(after).
      type: list
      elements: dict
      returned: always
    conflicts:
      description: What envsync refuses to touch, each with C(code), C(message), C(hint) and C(remedy).
      type: list
      elements: dict
      returned: always
    error:
      description: Why it failed, with C(code), C(message) and C(hint).
      type: dict
      returned: outside of check mode
errors:
  description: Why the command as a whole failed, such as a mistake in the manifest with C(file), C(line) and C(key).
  returned: always
  type: list
  elements: dict
removals:
  description: What was removed; in check mode, what would be. Each with C(kind), C(place), C(removed), C(kept_because).
  returned: with O(state=pruned)
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.envs_toml.envsync.plugins.module_utils import command, diff

_IDLE = ("unchanged", "skipped", "conflict", "failed", "interrupted")
"""Outcomes that leave an environment as it was."""


def apply(module):
    """Reconcile, or plan in check mode, and end the module."""
    params = module.params
    words = ["plan" if module.check_mode else "apply"]
    words += [word for name in params["force_rebuild"] for word in ("--force-rebuild", name)]
    words += ["--deep"] if params["deep"] else []
    words += ["--jobs", str(params["jobs"])] if params["jobs"] and not module.check_mode else []
    document = command.run(module, *words, *_names(params["names"]))
    entries = document["environments"]
    changed = [one for one in entries if (_is_planned(one) if module.check_mode else one["outcome"] not in _IDLE)]
    result = dict(command.facts(document), changed=bool(changed), diff=[diff.of_environment(one) for one in changed])
    for entry in entries:
        for one in entry["left_out"]:
            module.warn("{}: {}".format(entry["name"], command.sentence(one)))
    _finish(module, document, result, [(one["name"], reason) for one in entries for reason in command.reasons(one)])


def prune(module):
    """Remove what nothing declares, or list it in check mode, and end the module."""
    document = command.run(module, "prune", *([] if module.check_mode else ["--yes"]))
    removals = document["removals"]

    def is_gone(one):
        return not one["kept_because"] if module.check_mode else one["removed"]

    changed = any(is_gone(one) for one in removals)
    result = dict(command.facts(document), changed=changed, removals=removals)
    result["diff"] = [diff.of_removals(removals, is_gone)] if changed else []
    problems = [(one["place"], command.sentence(one["error"])) for one in removals if one["error"]]
    _finish(module, document, result, problems)


def _is_planned(entry):
    return bool(entry["actions"]) and entry["state"] != "conflict"


def _names(names):
    return ["--", *names] if names else []


def _finish(module, document, result, problems):
    if document["exit_code"] == 0:
        module.exit_json(**result)
    lines = ["{}: {}".format(*one) for one in problems] or [
        "envsync ended with exit status {}".format(document["exit_code"])
    ]
    module.fail_json(msg="\n".join(lines), **result)


def main():
    """Run the module."""
    arguments = dict(
        command.ARGUMENTS,
        state={"type": "str", "choices": ["applied", "pruned"], "default": "applied"},
        force_rebuild={"type": "list", "elements": "str", "default": []},
        deep={"type": "bool", "default": False},
        jobs={"type": "int"},
    )
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    if module.params["state"] == "applied":
        apply(module)
    refused = [name for name in ("names", "force_rebuild", "deep", "jobs") if module.params[name]]
    if refused:
        module.fail_json(msg="state=pruned is of the whole manifest; it does not take: " + ", ".join(refused))
    prune(module)


if __name__ == "__main__":
    main()
