# For bash and zsh: `envsync activate NAME` takes effect in this shell, and `envsync deactivate` undoes it.
envsync() {
    case "${1-}" in
    activate)
        case " $* " in
        *" -h "* | *" --help "* | *" --json "* | *" --shell"*)
            command envsync "$@"
            return
            ;;
        esac
        local _envsync_text
        _envsync_text=$(command envsync "$@" --shell @SHELL@) || return
        eval "$_envsync_text"
        _envsync_active=
        ;;
    deactivate)
        if typeset -f deactivate >/dev/null; then
            deactivate
        else
            echo "envsync: no environment was activated in this shell" >&2
            return 1
        fi
        ;;
    *)
        _envsync_pwd=
        command envsync "$@"
        ;;
    esac
}
