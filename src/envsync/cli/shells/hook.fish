# `envsync activate NAME` takes effect in this shell, and `envsync deactivate` undoes it.
function envsync
    switch "$argv[1]"
        case activate
            if string match -qr -- '^--shell' $argv
                command envsync $argv
                return
            end
            set -l text (command envsync activate --shell fish $argv[2..-1])
            or return
            if string match -q -- 'source *' "$text[1]"
                eval $text[1]
                set -g _envsync_active
            else # help, or JSON
                printf '%s\n' $text
            end
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
