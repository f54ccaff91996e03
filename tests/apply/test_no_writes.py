"""In sync means no writes: a pass that has nothing to do changes nothing at all, caches included."""

import time
from collections.abc import Callable

from harness.place import Place
from harness.syscalls import mutations, trace_of

PythonOf = Callable[[str], str]


def test_a_pass_without_work_makes_no_mutating_system_call(place: Place, python_of: PythonOf) -> None:
    more = 'target = "a"\naliases = ["alias"]\nexpose = ["python:py"]\n'
    place.write(
        f'[envs.a]\npath = "a/.venv"\npython = "{python_of("3.12")}"\n{more}'
        f'[envs.b]\npath = "b"\npython = "{python_of("3.8")}"\n'
    )
    assert mutations(trace_of(place, "apply", "b"))  # so that the tracer is known to see them
    for _ in range(3):  # made, then settled
        place.envsync("apply")
        time.sleep(0.05)
    for words in ("apply", "apply --json", "apply --no-cache", "apply a", "check", "plan", "status", "explain a"):
        assert mutations(trace_of(place, *words.split())) == [], words
