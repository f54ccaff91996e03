"""The completion script for bash 3.2 or later: macOS has no newer one."""

import shlex
from collections.abc import Iterable, Iterator

from envsync.cli.arguments import COMMANDS
from envsync.cli.shells.slots import COMMON, Slot, Values, options, positions, valued

_SCRIPT = r"""# Completes envsync in bash. Made by: envsync completion bash

_envsync() {
    local typed=$2 rest=$COMP_LINE words=() offered=() file= wants= command= count=0 ended= current i word
    # Bash splits words at : = @ as well; they are put together again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i > 0)) && [[ $rest != [[:space:]]* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
    done
    current=${words[${#words[@]} - 1]}
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ $wants ]]; then
            [[ $wants != --file ]] || file=$word
            wants=
            continue
        fi
        case $word in
            --file=*) file=${word#*=} ;;
            @WITH_VALUE@) wants=$word ;;
            --) ended=1 ;;
            -*) ;;
            *) if [[ $command ]]; then count=$((count + 1)); else command=$word; fi ;;
        esac
    done
    if [[ ! $wants && $current == --*=* ]]; then
        wants=${current%%=*}
        current=${current#*=}
    fi
    COMPREPLY=()
    if [[ $wants ]]; then
        case $wants in
            @VALUES@
        esac
    elif [[ ! $ended && $current == -* ]]; then
        case $command in
            @OPTIONS@
        esac
        offered+=(@COMMON@)
    else
        case $command:$count in
            :0) offered=(@COMMANDS@) ;;
            @POSITIONS@
        esac
    fi
    _envsync_reply
}

# What was offered and begins as the current word does, written as that word is: plain, "quoted" or 'quoted'.
_envsync_reply() {
    local name plain
    for name in ${offered[@]+"${offered[@]}"}; do
        word=$name plain=
        case $current in
            \"*)
                word=${word//\\/\\\\} word=${word//\"/\\\"} word=${word//\$/\\\$}
                word=\"${word//\`/\\\`}\"
                ;;
            \'*) word=\'${word//\'/\'\\\'\'}\' ;;
            *)
                printf -v word %q "$name"
                plain=$name
                [[ $current != '~/'* ]] || word=${word#\\}
                ;;
        esac
        [[ $word != "$current"* && $plain != "$current"* ]] || COMPREPLY+=("${word#"${current%"$typed"}"}")
    done
}

_envsync_names() {
    case $file in
        \'*) file=${file//\'/} ;;
        *) IFS= read file <<<"${file//\"/}" ;; # takes the backslashes out
    esac
    while IFS= read -r word; do
        [[ ! $word ]] || offered+=("$word")
    done <<<"$(command envsync completion --names ${file:+"--file=$file"} 2>/dev/null </dev/null)"
}

_envsync_files() {
    compopt -o default 2>/dev/null && return
    while IFS= read -r word; do # bash 3.2 has no compopt
        [[ ! $word ]] || offered+=("$word")
    done <<<"$(compgen -f -- "$typed")"
}

complete -F _envsync envsync
"""


def script() -> str:
    """Give the script."""
    filling = {
        "WITH_VALUE": " | ".join(name for slot in valued() for name in slot.names),
        "VALUES": _arms((name, _offer(slot)) for slot in valued() for name in slot.names),
        "OPTIONS": _arms((one.name, _words(options(one))) for one in COMMANDS if options(one)),
        "COMMON": _names(COMMON),
        "COMMANDS": " ".join(one.name for one in COMMANDS),
        "POSITIONS": _arms((f"{name}:{place}", _offer(slot)) for name, place, slot in _places()),
    }
    text = _SCRIPT
    for mark, filled in filling.items():
        text = text.replace(f"@{mark}@", filled)
    return text


def _arms(arms: Iterable[tuple[str, str]]) -> str:
    patterns: dict[str, list[str]] = {}
    for pattern, then in arms:
        patterns.setdefault(then, []).append(pattern)
    return "\n            ".join(f"{' | '.join(some)}) {then} ;;" for then, some in patterns.items() if then)


def _places() -> Iterator[tuple[str, str, Slot]]:
    for command in COMMANDS:
        for place, slot in enumerate(positions(command)):
            yield command.name, f"[{place}-9]*" if slot.repeated else str(place), slot


def _offer(slot: Slot) -> str:
    if slot.choices:
        return f"offered=({shlex.join(slot.choices)})"
    return {Values.ENVIRONMENTS: "_envsync_names", Values.FILES: "_envsync_files"}.get(slot.values, "")


def _words(slots: Iterable[Slot]) -> str:
    return f"offered=({_names(slots)})"


def _names(slots: Iterable[Slot]) -> str:
    return " ".join(name for slot in slots for name in slot.names)
