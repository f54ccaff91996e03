# `envsync activate NAME` takes effect in this shell, and `envsync deactivate` undoes it.
function envsync
    switch "$argv[1]"
        case activate
            if string match -qr -- '^(-h|--help|--json|--shell.*)$' $argv
                command envsync $argv
                return
            end
            set -l text (command envsync $argv --shell fish)
            or return
            eval $text
            set -g _envsync_active
        case deactivate
            if functions -q deactivate
                deactivate
            else
                echo "envsync: no environment was activated in this shell" >&2
                return 1
            end
        case '*'
            set -g _envsync_pwd
            command envsync $argv
    end
end
