# For bash and zsh: `envsync activate NAME` takes effect in this shell, and `envsync deactivate` undoes it.
envsync() {
    case "${1-}" in
    activate)
        shift
        local _envsync_text
        for _envsync_text in "$@"; do
            case $_envsync_text in
            --shell*)
                command envsync activate "$@"
                return
                ;;
            esac
        done
        _envsync_text=$(command envsync activate --shell @SHELL@ "$@") || return
        case $_envsync_text in
        ". "*)
            eval "$_envsync_text"
            _envsync_active=
            ;;
        *) printf '%s\n' "$_envsync_text" ;; # help, or JSON
        esac
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
