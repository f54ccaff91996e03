"""What the names of entries in ``bin`` tell."""

__all__ = ["is_activator", "is_python_name"]


def is_python_name(name: str) -> bool:
    """Tell whether an entry of ``bin`` is a name of the interpreter, not of a script such as ``python-config``."""
    rest = name.removeprefix("pypy").removeprefix("graalpy").removeprefix("python")
    return rest == "" or (rest != name and rest.removesuffix("t").replace(".", "").isdigit())


def is_activator(name: str) -> bool:
    """Tell whether an entry of ``bin`` is an activation script or the counterpart of one."""
    return name.lower().partition(".")[0] in {"activate", "deactivate", "activate_this"}
