# What `envsync run NAME` gives to bash as --rcfile: the user's own settings, then the environment.
if [ -f ~/.bashrc ]; then
    . ~/.bashrc
fi
. "$_ENVSYNC_ACTIVATE"
unset _ENVSYNC_ACTIVATE
