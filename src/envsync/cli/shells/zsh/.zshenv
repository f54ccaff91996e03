# What `envsync run NAME` gives to zsh by ZDOTDIR: the user's own settings, and before the first prompt the environment.
if [[ -n $_ENVSYNC_ZDOTDIR ]]; then
    export ZDOTDIR=$_ENVSYNC_ZDOTDIR
else
    unset ZDOTDIR
fi
unset _ENVSYNC_ZDOTDIR
if [[ -f ${ZDOTDIR:-$HOME}/.zshenv ]]; then
    . "${ZDOTDIR:-$HOME}/.zshenv"
fi
_envsync_run() {
    precmd_functions=("${(@)precmd_functions:#_envsync_run}")
    unfunction _envsync_run
    . "$_ENVSYNC_ACTIVATE"
    unset _ENVSYNC_ACTIVATE
}
precmd_functions+=(_envsync_run)
