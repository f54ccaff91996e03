# Before each prompt: where the directory has changed, activate the environment of the project that was entered, and
# deactivate that of the one that was left. What was activated by hand stays.
_envsync_cd() {
    local _envsync_status=$?
    if [ "$PWD" != "${_envsync_pwd-}" ]; then
        _envsync_pwd=$PWD
        _envsync_follow
    fi
    return $_envsync_status
}
_envsync_follow() {
    local _envsync_now
    _envsync_now=$(command envsync which --here --quiet 2>&1) || {
        _envsync_tell "$_envsync_now"
        _envsync_now=
    }
    [ "$_envsync_now" = "${_envsync_project-}" ] && return
    _envsync_project=$_envsync_now
    if [ -n "${_envsync_active-}" ] && [ "${VIRTUAL_ENV-}" = "$_envsync_active" ] && typeset -f deactivate >/dev/null; then
        deactivate
    fi
    _envsync_active=
    if [ -n "$_envsync_now" ] && [ -z "${VIRTUAL_ENV-}" ]; then
        . "$_envsync_now/bin/activate"
        _envsync_active=${VIRTUAL_ENV-}
    fi
}
# What is wrong with a manifest is worth telling once in a shell, not on each way through its directories.
_envsync_tell() {
    case "${_envsync_told-}" in
    *"$1"*) ;;
    *)
        _envsync_told="${_envsync_told-}$1
"
        printf '%s\n' "$1" >&2
        ;;
    esac
}
if [ -n "${ZSH_VERSION-}" ]; then
    autoload -Uz add-zsh-hook
    add-zsh-hook precmd _envsync_cd
else
    case ";${PROMPT_COMMAND[*]-};" in
    *_envsync_cd*) ;;
    *) PROMPT_COMMAND="_envsync_cd${PROMPT_COMMAND:+;$PROMPT_COMMAND}" ;;
    esac
fi
