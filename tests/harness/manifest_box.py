"""A home of its own for each test, with manifests written into it."""

import os
import textwrap

import pytest

from envsync.manifest import load
from envsync.model.desired import Environment, Manifest
from envsync.model.problems import ManifestError, Problem


class Box:
    def __init__(self, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = os.path.realpath(str(tmp_path))
        self.home = f"{self.root}/home"
        os.mkdir(self.home)
        self.file = f"{self.root}/envs.toml"
        self.monkeypatch = monkeypatch
        monkeypatch.setenv("HOME", self.home)
        for name in list(os.environ):
            if name.startswith("XDG_") or name == "ENVSYNC_FILE":
                monkeypatch.delenv(name)
        monkeypatch.chdir(self.root)
        monkeypatch.setenv("PWD", self.root)

    def write(self, text: str, name: str = "envs.toml") -> str:
        path = f"{self.root}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(textwrap.dedent(text))
        return path

    def load(self, text: str) -> Manifest:
        return load(self.write(text), hostname="laptop.example.org", platform="linux")

    def problems(self, text: str) -> tuple[Problem, ...]:
        with pytest.raises(ManifestError) as caught:
            self.load(text)
        return caught.value.problems

    def problem(self, text: str) -> Problem:
        problems = self.problems(text)
        assert len(problems) == 1, problems
        return problems[0]

    def env(self, body: str = "", *, top: str = "", defaults: str = "", pythons: str = "") -> Environment:
        (environment,) = self.load(one(body, top=top, defaults=defaults, pythons=pythons)).environments
        return environment

    def env_problem(self, body: str, *, top: str = "", pythons: str = "") -> Problem:
        return self.problem(one(body, top=top, pythons=pythons))


def one(body: str, *, top: str = "", defaults: str = "", pythons: str = "") -> str:
    """A manifest with one environment, ``a``, at ``a/.venv`` unless ``body`` says otherwise."""
    path = "" if body.startswith("path") else 'path = "a/.venv"\n'
    return f"version = 1\n{top}\n[defaults]\n{defaults}\n[pythons]\n{pythons}\n[envs.a]\n{path}{body}\n"
