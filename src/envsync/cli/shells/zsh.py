"""The completion script for zsh 5.1 or later."""

import re
import shlex
from collections.abc import Iterable, Iterator

from envsync.cli.arguments import COMMANDS, Command
from envsync.cli.shells.slots import COMMON, Slot, Values, options, positions

_SCRIPT = r"""#compdef envsync
# Completes envsync in zsh. Made by: envsync completion zsh

_envsync() {
    local curcontext=$curcontext context state state_descr line
    local -a whole=("${words[@]}")
    typeset -A opt_args
    local -a common=(
        @COMMON@
    )
    _arguments -C $common '(-)1:command:->command' '(-)*::argument:->argument' && return 0
    case $state in
        command)
            local -a commands=(
                @COMMANDS@
            )
            _describe -t commands command commands
            ;;
        argument)
            case $words[1] in
                @ARGUMENTS@
            esac
            ;;
    esac
}

_envsync_names() {
    local file expl i
    for ((i = 2; i <= $#whole; i++)); do
        case $whole[i] in
            --file) file=$whole[i+1] ;;
            --file=*) file=${whole[i]#*=} ;;
        esac
    done
    local -a found=(${(f)"$(command envsync completion --names ${file:+--file=${(Q)file}} 2>/dev/null </dev/null)"})
    _wanted environments expl environment compadd -a found
}

if [[ $funcstack[1] == _envsync ]]; then
    _envsync "$@"
else
    compdef _envsync envsync
fi
"""


def script() -> str:
    """Give the script."""
    filling = {
        "COMMON": "\n        ".join(map(_option, COMMON)),
        "COMMANDS": "\n                ".join(shlex.quote(f"{one.name}:{one.help}") for one in COMMANDS),
        "ARGUMENTS": "\n                ".join(_arm(one) for one in COMMANDS),
    }
    text = _SCRIPT
    for mark, filled in filling.items():
        text = text.replace(f"@{mark}@", filled)
    return text


def _arm(command: Command) -> str:
    specs = ["-S $common", *map(_option, options(command)), *_positions(positions(command))]
    return f"{command.name})\n{_indented(specs)}\n                    ;;"


def _indented(specs: Iterable[str]) -> str:
    return " \\\n".join(f"{' ' * 20}{'' if number else '_arguments '}{spec}" for number, spec in enumerate(specs))


def _option(slot: Slot) -> str:
    value = "" if slot.values is Values.NOTHING else f":{slot.names[-1].strip('-')}:{_offer(slot)}"
    text = f"{'=' if value else ''}[{_escaped(slot.help)}]{value}"
    if len(slot.names) > 1:
        return f"'({' '.join(slot.names)})'{{{','.join(slot.names)}}}{shlex.quote(text)}"
    return shlex.quote(f"{'*' if slot.repeated else ''}{slot.names[0]}{text}")


def _positions(slots: Iterable[Slot]) -> Iterator[str]:
    for place, slot in enumerate(slots, 1):
        yield shlex.quote(f"{'*' if slot.repeated else place}:{_escaped(slot.help)}:{_offer(slot)}")


def _offer(slot: Slot) -> str:
    if slot.choices:
        return f"({' '.join(slot.choices)})"
    # A blank tells what is wanted and offers nothing.
    return {Values.ENVIRONMENTS: "_envsync_names", Values.FILES: "_files"}.get(slot.values, " ")


def _escaped(text: str) -> str:
    return re.sub(r"([\\:\[\]])", r"\\\1", text)
