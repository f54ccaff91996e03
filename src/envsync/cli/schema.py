"""The command ``schema``: the manifest's JSON Schema, for editors."""

import json

from envsync.cli.options import Options
from envsync.cli.session import DONE, Result
from envsync.manifest.schema import manifest_schema
from envsync.report.document import Verdict

__all__ = ["COMMANDS"]


def _schema(_: Options) -> Result:
    schema = manifest_schema()
    lines = json.dumps(schema, indent=2).splitlines()
    return Result(None, Verdict("in-sync", DONE), (), lambda _: lines, more={"schema_document": schema})


COMMANDS = {"schema": _schema}
