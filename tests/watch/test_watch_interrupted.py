"""Signals come at any moment: in the middle of what they are to interrupt, and of what notes them."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from envsync.watch.signals import Control
from envsync.watch.source import Listening

WAIT_LIMIT = 20
"""Seconds until something counts as hanging."""


def interrupted(work: Callable[[], object], count: int) -> bool:
    """Do something, and hang up in the middle of it, at its ``count``-th instruction; Check whether it has so many."""
    left = count

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                sys.settrace(None)
                signal.raise_signal(signal.SIGHUP)
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(former)
    return left <= 0


@pytest.fixture
def control() -> Iterator[Control]:
    """Yield what listens to the signals of this process; a test that hangs fails."""

    def give_up(number: int, _: FrameType | None) -> None:
        raise TimeoutError(signal.Signals(number).name)

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)
    former = {number: signal.getsignal(number) for number in numbers}
    control = Control(lambda _: None)
    control.listen()
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(WAIT_LIMIT)
    yield control
    signal.alarm(0)
    signal.set_wakeup_fd(-1)
    for number, handler in former.items():
        signal.signal(number, handler)


def test_a_signal_that_interrupts_no_system_call_ends_waiting(control: Control) -> None:
    def send() -> None:  # as when a signal comes just before poll(2)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
        os.kill(os.getpid(), signal.SIGHUP)

    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        threading.Timer(0.1, send).start()
        assert control.flag.wait(3 * WAIT_LIMIT)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
    assert control.asked()


def test_no_instruction_at_which_a_hangup_comes_loses_it_or_hangs(control: Control) -> None:
    heard: list[bool] = []
    count = 1
    while interrupted(lambda: heard.append(control.asked()), count):
        assert heard.pop() or control.asked(), f"lost at instruction {count}"
        count += 1
    assert count > 10


def test_no_instruction_at_which_a_hangup_comes_while_it_polls_makes_it_hang(control: Control) -> None:
    source = Listening(control.flag, 0.1, polling=True)
    count = 1
    while interrupted(lambda: source.wait(0.001, expectant=False), count):
        assert control.asked(), f"lost at instruction {count}"
        count += 1
    assert count > 10
