"""The completion script for fish 3.2 or later."""

from collections.abc import Iterator

from envsync.cli.arguments import COMMANDS, Command
from envsync.cli.shells.slots import COMMON, Slot, Values, options, positions, valued

_FUNCTIONS = r"""# Completes envsync in fish. Made by: envsync completion fish

# An empty word stands for the one that is typed; an option that waits for its value takes it.
function __envsync_at --description 'COMMAND:NUMBER-OF-WORDS-BEHIND-IT on the line matches'
    set -l pattern $argv[1]
    argparse --ignore-unknown @VALUED@ -- (commandline -opc) '' 2>/dev/null
    or return
    set -l words (string match --invert -- '-*' $argv)
    string match --quiet --regex -- $pattern "$words[2]:"(count $words[4..])
end

function __envsync_names --description 'Environments of the manifest that the line means'
    argparse --ignore-unknown file= -- (commandline -opc) '' 2>/dev/null
    command envsync completion --names --file=$_flag_file 2>/dev/null </dev/null
end

complete -c envsync -f
"""


def script() -> str:
    """Give the script."""
    specs = " ".join(f"{name.lstrip('-')}=" for slot in valued() for name in slot.names)
    lines = [_FUNCTIONS.replace("@VALUED@", specs)]
    lines += [f"{_option(slot)}\n" for slot in COMMON]
    lines += [f"{_at('^:')} -a {command.name} -d {_quoted(command.help)}\n" for command in COMMANDS]
    lines += [f"{line}\n" for command in COMMANDS for line in _of_command(command)]
    return "".join(lines)


def _of_command(command: Command) -> Iterator[str]:
    for slot in options(command):
        yield _option(slot, _at(f"^{command.name}:"))
    for place, slot in enumerate(positions(command)):
        if offer := _offer(slot):
            numbers = f"[{place}-9]" if slot.repeated else rf"{place}\$"
            yield f"{_at(f'^{command.name}:{numbers}')} {offer}"


def _at(place: str) -> str:
    return f"complete -c envsync -n \"__envsync_at '{place}'\""


def _option(slot: Slot, beginning: str = "complete -c envsync") -> str:
    spelled = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in slot.names]
    value = [] if slot.values is Values.NOTHING else ["-r", _offer(slot) or "-f"]
    return " ".join([beginning, *spelled, *value, "-d", _quoted(slot.help)])


def _offer(slot: Slot) -> str:
    if slot.choices:
        return f"-f -a {_quoted(' '.join(slot.choices))}"
    return {Values.ENVIRONMENTS: "-f -a '(__envsync_names)'", Values.FILES: "-F"}.get(slot.values, "")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"
