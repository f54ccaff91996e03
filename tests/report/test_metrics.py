"""Metrics: what collectors read of the environments, by both parsers of Prometheus' own client."""

import os
import signal
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envsync.manifest import load
from envsync.model.plan import Plan
from envsync.observe.facts import FactsCache
from envsync.reconcile import Reconciler
from envsync.report.metrics import Record, metric_lines
from envsync.write.user_files import write_metrics
from harness.place import Place
from harness.processes import OFFLINE, eventually
from harness.watching import watching

prometheus = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")

Samples = dict[str, dict[tuple[str, ...], float]]
"""By name of the metric and values of the labels, in order, without the manifest."""

HOSTILE = '/a "b" \\n\\c\nd/é\N{GRINNING FACE}\udcff{x="y"} # 1.toml'
READABLE = HOSTILE.replace("\udcff", "\\udcff")
"""The same as a collector has it: a byte that is not UTF-8 is escaped."""


def parsed(text: str, manifest: str) -> Samples:
    """Return the samples of a text, which both formats' parsers have to understand in the same way."""
    families = [*openmetrics.text_string_to_metric_families(text)]
    of_text = [*prometheus.text_string_to_metric_families(text)]
    assert {one.name for one in of_text if one.samples} <= {one.name for one in families}
    assert [one.samples for one in families if one.samples] == [one.samples for one in of_text if one.samples]
    assert {one.type for one in families} == {"gauge"}
    assert all(one.documentation for one in families)
    found: Samples = {}
    for one in families:
        for sample in one.samples:
            labels: dict[str, Any] = dict(sample.labels)
            assert labels.pop("manifest") == manifest
            assert sample.timestamp is None  # node_exporter's textfile collector refuses them
            key = tuple(labels.values())
            assert key not in found.setdefault(one.name, {})
            found[one.name][key] = sample.value
    return found


def planned(place: Place) -> Plan:
    return Reconciler(load(str(place.manifest)), FactsCache(None)).plan()


def test_status_prints_metrics_that_both_parsers_read(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n[envs."b.ü"]\npath = "b"\npython = "./gone"\n[envs.w]\npath = "w/.venv"\n')
    place.apply("a")
    directory = place.root / 'the "fine" \\new é envsync apply'
    directory.mkdir()
    manifest = directory / "envs.toml"
    place.manifest.rename(manifest)
    manifest.write_text(manifest.read_text().replace('path = "a"', f'path = "{place.root}/a"'))
    run = place.envsync("status", "--format", "openmetrics", "--file", str(manifest))
    assert (run.status, run.err) == (1, "")
    found = parsed(run.out, str(manifest))
    states = {"in-sync": 1, "missing": 0, "drift": 0, "conflict": 1, "waiting": 1}
    assert found["envsync_environments"] == {(state,): count for state, count in states.items()}
    assert found["envsync_problem"] == {("b.ü", "interpreter-missing"): 1}
    assert [*found["envsync_pythons"].values()] == [1]
    assert [*found["envsync_build_info"].values()] == [1]
    assert not found.keys() & {"envsync_failures", "envsync_last_success_timestamp_seconds"}  # nothing was attempted
    assert place.envsync("status", "--format", "openmetrics", "--json", "--file", str(manifest)).document["schema"] == 1


def test_metrics_are_utf8_in_any_locale(place: Place) -> None:
    place.write('[envs."ü"]\npath = "a"\npython = "./gone"\n')
    run = place.envsync("status", "--format=openmetrics", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    text = run.out.encode("utf-8", "surrogateescape").decode()
    assert parsed(text, str(place.manifest))["envsync_problem"] == {("ü", "interpreter-missing"): 1}


def test_all_as_declared_is_a_success_now(place: Place) -> None:
    place.write('[envs.w]\npath = "w/.venv"\n')
    before = int(time.time())
    run = place.envsync("status", "--format", "openmetrics")
    (last,) = parsed(run.out, str(place.manifest))["envsync_last_success_timestamp_seconds"].values()
    assert before <= last <= time.time()


def test_a_watcher_writes_them_after_each_pass_and_goes_on_where_it_cannot(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n[envs.b]\npath = "b"\npython = "./gone"\n')
    link, end = place.root / "link.prom", place.root / "collector" / "end.prom"
    link.symlink_to(end)
    with watching(place, "--metrics", "link.prom", settle=0.1) as watcher:
        degraded = watcher.until("degraded")
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until("pass", lambda event: event["reason"] == "signal")
        assert [one for one in watcher.events if one["event"] == "degraded"] == [degraded]  # once
        end.parent.mkdir()
        (end.parent / "end.prom").write_text("of another")
        end.chmod(0o600)
        place.manifest.write_text(place.manifest.read_text() + "broken =")
        watcher.until("manifest-error")
        watcher.until("pass")
        eventually(lambda: "EOF" in end.read_text())
        found = parsed(end.read_text(), str(place.manifest))
        assert watcher.stop() == 0
    assert degraded["code"] == "metrics-not-written"
    assert degraded["message"] == f"metrics cannot be written to {link}: No such file or directory"
    assert found["envsync_environments"]["in-sync",] == found["envsync_environments"]["conflict",] == 1
    assert found["envsync_problem"] == {("b", "interpreter-missing"): 1}
    assert (found["envsync_failures"], found["envsync_manifest_valid"]) == ({(): 0}, {(): 0})
    assert found["envsync_last_success_timestamp_seconds"] == {(): 0}
    assert (stat.S_IMODE(end.stat().st_mode), os.readlink(link)) == (0o644, str(end))
    assert [*end.parent.iterdir()] == [end]


def test_only_a_regular_file_is_replaced(tmp_path: Path) -> None:
    circle, pipe, link = (tmp_path / f"{name}.prom" for name in ("circle", "pipe", "link"))
    circle.symlink_to(circle)
    os.mkfifo(pipe)
    link.symlink_to(pipe)  # as one to /dev/null, which root could replace
    for file in (circle, pipe, link):
        with pytest.raises(OSError, match="no regular file"):
            write_metrics(str(file), b"")
    assert circle.is_symlink()
    assert pipe.is_fifo()


def test_a_single_pass_of_a_watcher_leaves_its_metrics(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\npackages = ["of-no-index"]\n')
    place.envsync("watch", "--once", "--settle=0", "--metrics", "a.prom", **OFFLINE)
    found = parsed((place.root / "a.prom").read_text(), str(place.manifest))
    assert (found["envsync_failures"], found["envsync_manifest_valid"]) == ({(): 1}, {(): 1})
    ((name, _),) = found["envsync_problem"]
    assert name == "a"
    place.write('[envs.a]\npath = "a"\n')
    place.envsync("watch", "--once", "--settle=0", "--metrics", "a.prom")
    assert parsed((place.root / "a.prom").read_text(), str(place.manifest))["envsync_last_success_timestamp_seconds"][
        ()
    ]


def test_any_text_in_a_label_arrives_as_it_is(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    plan = planned(place)
    plan = replace(plan, manifest=replace(plan.manifest, file=HOSTILE))
    record = Record(last_success=12, failures={"a": "install-failed", "gone": "x"}, is_manifest_valid=False)
    found = parsed("\n".join(metric_lines(plan, record)) + "\n", READABLE)
    assert found["envsync_problem"] == {("a", "install-failed"): 1}
    assert found["envsync_failures"] == {(): 2}
    assert found["envsync_manifest_valid"] == {(): 0}
    assert found["envsync_last_success_timestamp_seconds"] == {(): 12}
    assert os.fsencode(HOSTILE)  # as a file may be called


def test_no_environment_is_no_failure_of_the_format(place: Place) -> None:
    place.write("")
    found = parsed("\n".join(metric_lines(planned(place), Record())) + "\n", str(place.manifest))
    assert set(found["envsync_environments"].values()) == {0}
    assert found["envsync_last_success_timestamp_seconds"] == {(): 0}
