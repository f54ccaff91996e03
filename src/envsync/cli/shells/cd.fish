# Before each prompt: where the directory has changed, activate the environment of the project that was entered, and
# deactivate that of the one that was left. What was activated by hand stays.
function _envsync_cd --on-event fish_prompt
    test "$PWD" = "$_envsync_pwd"; and return
    set -g _envsync_pwd $PWD
    set -l lines (command envsync which --here --quiet 2>&1)
    set -l failed $status
    set -l now (string join \n -- $lines | string collect)
    if test $failed != 0
        # What is wrong with a manifest is worth telling once in a shell, not on each way through its directories.
        if test -n "$now"; and not contains -- "$now" $_envsync_told
            set -ga _envsync_told "$now"
            echo $now >&2
        end
        set now
    end
    test "$now" = "$_envsync_project"; and return
    set -g _envsync_project $now
    if test -n "$_envsync_active"; and test "$VIRTUAL_ENV" = "$_envsync_active"; and functions -q deactivate
        deactivate
    end
    set -g _envsync_active
    if test -n "$now"; and test -z "$VIRTUAL_ENV"
        source "$now/bin/activate.fish"
        set -g _envsync_active $VIRTUAL_ENV
    end
end
