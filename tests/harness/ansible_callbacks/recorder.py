"""An Ansible callback that writes each task's result of each host to a file, a line of JSON each."""

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorder
type: notification
short_description: Write results to the file that ENVSYNC_RESULTS names
description: A line of JSON for each task of each host.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Record results; Ansible calls the methods."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "recorder"

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002
        self._record(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record(result, "unreachable")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._record(result, "skipped")

    def _record(self, result: Any, status: str) -> None:
        held = result.result
        row = {"task": result.task.get_name(), "host": result.host.get_name(), "status": status, "result": held}
        with Path(os.environ["ENVSYNC_RESULTS"]).open("a") as file:
            file.write(json.dumps(row, default=str) + "\n")
