"""What Ansible's diff mode shows: each environment that changes, before and after. Text from documents, no effects."""

from __future__ import annotations

_VERSION_CODES = ("python-minor", "python-patch", "python-implementation")


def of_environment(entry):
    """Return the diff of an environment's entry in the document of C(plan) or C(apply); what will be or was done."""
    kinds = [one["kind"] for one in entry["actions"]]
    is_new = "create" in kinds
    title = "{} ({})".format(entry["name"], entry["path"])
    before, after = [], [_python(entry, {})]
    if not is_new:
        before.append(_python(entry, {one["code"]: one["before"] for one in entry["drift"] if one["before"]}))
    if "rebuild" in kinds:
        after.append("rebuilt")
    for drift in _values(entry):
        before.append("{}: {}".format(drift["code"], drift["before"]))
        after.append("{}: {}".format(drift["code"], drift["after"]))
    for package in entry["packages"]:
        before += _package(package, "before")
        after += _package(package, "after")
    after += ["link: {} -> {}".format(one["link"], one["text"]) for one in entry["actions"] if one["kind"] == "link"]
    return _diff(title, before, after, "; ".join(one["message"] for one in entry["actions"]))


def of_removals(removals, gone):
    """Return the diff of what C(prune) removes; C(gone) says of each whether it does."""
    lines = [("{kind}: {place}".format(**one), gone(one)) for one in removals]
    return _diff("what nothing declares", [line[0] for line in lines], [text for text, is_gone in lines if not is_gone])


def _diff(title, before, after, message=""):
    return {
        "before_header": title,
        "after_header": f"{title}: {message}" if message else title,
        "before": "".join(line + "\n" for line in before),
        "after": "".join(line + "\n" for line in after),
    }


def _python(entry, former):
    """Return the interpreter in a line; ``former`` holds what was there by code, where that is another one."""
    python = entry["python"]
    implementation = former.get("python-implementation", python["implementation"])
    version = former.get("python-minor") or former.get("python-patch") or python["version"]
    return "python: {} ({} {})".format(python["link"], implementation, version)


def _values(entry):
    """Return the differences that are told by values, apart from the versions of Python and of packages."""
    told = [one for one in entry["drift"] if one["code"] not in _VERSION_CODES]
    return [one for one in told if one["before"] is not None and one["after"] is not None]


def _package(package, when):
    return ["package: {} {}".format(package["name"], package[when])] if package[when] is not None else []
