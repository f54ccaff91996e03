"""Run the command C(envsync) and read its JSON document (docs/json.md of envsync); nothing else of it is used."""

from __future__ import annotations

import json
import os

SCHEMA = 1
"""The version of the JSON document that is understood."""

ARGUMENTS = {
    "file": {"type": "path"},
    "names": {"type": "list", "elements": "str", "default": []},
    "executable": {"type": "path"},
}
"""What the modules share of their argument specifications."""


def run(module, *words):
    """Return the document of a command; end the module where there is none, or where it is of an error."""
    argv = [_executable(module), words[0], "--json"]
    if module.params["file"]:
        argv += ["--file", module.params["file"]]
    argv += words[1:]
    status, out, err = module.run_command(argv, cwd=os.path.expanduser("~"))
    try:
        document = json.loads(out)
        understood = document["schema"] == SCHEMA
    except (ValueError, KeyError, TypeError):
        document, understood = {}, False
    if not understood:
        module.fail_json(
            msg=f"{argv[0]} does not answer as envsync of the distribution envs-toml does (JSON schema {SCHEMA})",
            cmd=argv,
            rc=status,
            stdout=out,
            stderr=err,
        )
    if document["errors"]:
        module.fail_json(msg="\n".join(_located(one) for one in document["errors"]), **facts(document))
    return document


def _executable(module):
    named = module.params["executable"]
    if named:
        return named
    found = module.get_bin_path("envsync", opt_dirs=[os.path.expanduser("~/.local/bin")])
    if found is None:
        module.fail_json(
            msg="envsync is neither in ~/.local/bin nor in PATH; "
            "install it with the role envs_toml.envsync.envsync, or name it with the option 'executable'"
        )
    return found


def facts(document):
    """Return what every result says of a document."""
    keys = ("manifest", "status", "environments", "errors")
    return dict({key: document[key] for key in keys}, version=document["envsync"])


def reasons(entry):
    """Return why an environment is not as declared, and what a person can do: a sentence each."""
    found = list(entry.get("conflicts") or [])
    if entry.get("error"):
        found.append(entry["error"])
    return [sentence(one) for one in found]


def sentence(problem):
    """Return a problem in one line: its message, its hint, and its code."""
    text = problem["message"].rstrip(".") + "."
    if problem.get("hint"):
        text += " " + problem["hint"]
    return "{} [{}]".format(text, problem["code"])


def _located(error):
    place = ":".join(str(error[key]) for key in ("file", "line") if error.get(key))
    return f"{place}: {sentence(error)}" if place else sentence(error)
