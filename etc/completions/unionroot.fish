# fish completion for unionroot(1)

# The names of a list, one on each line; nothing if there is no daemon.
function __unionroot_names
    set -l config
    set -l words (commandline -opc)
    for i in (seq (count $words))
        switch $words[$i]
            case --config
                set config --config $words[(math $i + 1)]
            case '--config=*'
                set config $words[$i]
        end
    end
    # After a namespace, as in source:NAME, the names include it.
    set -l space (string match -r '^(?:session|chroot|source):' -- (commandline -ct))
    switch "$space$argv[1]"
        case sessions chroots session:sessions chroot:chroots source:chroots
            unionroot $config list --$argv[1] 2>/dev/null |
                awk -v list=$argv[1] -v space="$space" 'NR > 1 && (list != "chroots" || $2 != "broken") { print space $1 }'
    end
end

function __unionroot_runs
    unionroot runs 2>/dev/null | awk 'NR > 1 { print $1 }'
end

# The words before the cursor, without options and their values: the verb, its names, and the command of run and lock. For
# run the command follows the name, for lock it follows a --. Succeeds if the command may have begun.
function __unionroot_words
    set -l skip 0
    set -l command 0
    set -l found
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if test $command = 1
            set -a found $word
        else
            switch $word
                case --
                    test (count $found) -ge 2; and set command 1
                case --config -u --user -d --directory -s --shell -o --option --env --env-file --keep -n --name --snapshot --count
                    set skip 1
                case '-*'
                case '*'
                    set -a found $word
                    test (count $found) -eq 2 -a "$found[1]" = run; and set command 1
            end
        end
    end
    set -q found[1]; and printf '%s\n' $found
    # The command may have begun with no word of it before the cursor.
    test $command = 1
end

function __unionroot_complete_command
    set -l rest (__unionroot_words)[3..-1]
    test "$rest[1]" = --; and set -e rest[1]
    set -l line (string join -- ' ' (string escape -- $rest) (commandline -ct))
    complete --do-complete=$line
end

# Whether the verb is one of these, and exactly this number of further words follows it.
function __unionroot_at
    set -l words (__unionroot_words)
    test (count $words) -eq (math $argv[1] + 1); and contains -- $words[1] $argv[2..-1]
end

function __unionroot_in
    set -l words (__unionroot_words)
    contains -- "$words[1]" $argv
end

function __unionroot_command
    __unionroot_words >/dev/null
end

function __unionroot_option
    __unionroot_in $argv; and not __unionroot_command
end

complete -c unionroot -f
complete -c unionroot -n '__unionroot_command' -a '(__unionroot_complete_command)'
complete -c unionroot -n 'not __unionroot_command' -l config -r -F -d 'the settings file'
complete -c unionroot -n 'not __unionroot_command' -l json-errors -d 'print an error as a JSON object'
complete -c unionroot -n 'not __unionroot_command' -s h -l help -d 'show help'

set -l none 'test (count (__unionroot_words)) -eq 0'
complete -c unionroot -n $none -s V -l version -d 'print the version'
for verb in begin:'begin a session, and print its id' run:'run a command in a session, or in one of its own' \
        end:'end sessions' list:'list sessions and chroots' info:'show a chroot or a session' \
        diff:'list what a session has changed' \
        history:'list the commands that have ended' \
        runs:'list the commands that run' logs:'print what a detached command has written' \
        wait:'wait until commands have ended' kill:'send a signal to commands' \
        events:'print what happens, as it happens' \
        reset:'take back what was changed in a session' \
        snapshot:'keep what a session has now' snapshots:'list the snapshots of a session' \
        rollback:'bring a session back to a snapshot' clone:'begin sessions with what another has' \
        apply:'write what a session has changed into its tree' undo:'take back what was applied to a tree' \
        location:'print where a session\'s tree can be seen' recover:'set up failed sessions again' \
        usage:'show how much sessions take' \
        prune:'list and remove what belongs to no session' \
        locks:'show who holds which source tree' lock:'hold a source tree while a command changes it' \
        check:'check the configuration' import:'write schroot\'s definitions as our own' \
        help:'show a verb\'s options and examples'
    set -l parts (string split -m 1 : $verb)
    complete -c unionroot -n $none -a $parts[1] -d $parts[2]
    complete -c unionroot -n '__unionroot_at 0 help' -a $parts[1] -d $parts[2]
end

complete -c unionroot -n '__unionroot_at 0 begin run lock info history' -a '(__unionroot_names chroots)' -d chroot
complete -c unionroot -n '__unionroot_at 0 run info location diff reset apply undo history snapshot snapshots rollback clone' -a '(__unionroot_names sessions)' -d session
complete -c unionroot -n '__unionroot_at 0 logs kill' -a '(__unionroot_runs)' -d run
complete -c unionroot -n '__unionroot_in wait' -a '(__unionroot_runs)' -d run
complete -c unionroot -n '__unionroot_at 0 kill' -a '(__unionroot_names sessions)' -d session
complete -c unionroot -n '__unionroot_option events' -l session -x -a '(__unionroot_names sessions)' -d 'of this session alone'
complete -c unionroot -n '__unionroot_option logs' -s f -l follow -d 'until it has ended'
complete -c unionroot -n '__unionroot_option kill' -s s -l signal -x -a 'TERM KILL INT HUP STOP CONT USR1 USR2' -d 'the signal'
complete -c unionroot -n '__unionroot_option run' -l detach -d 'print its id, and return'
complete -c unionroot -n '__unionroot_in end recover' -a '(__unionroot_names sessions)' -d session
complete -c unionroot -n '__unionroot_in check import' -F

complete -c unionroot -n '__unionroot_option begin list info locks check prune diff history runs usage snapshots events' -l json -d 'print an object'
complete -c unionroot -n '__unionroot_option begin run lock' -l wait -d 'wait for the tree'
complete -c unionroot -n '__unionroot_option begin run lock' -l yield -d 'let other sessions begin while it waits'
complete -c unionroot -n '__unionroot_option begin run' -s o -l option -x -d 'set user data'
complete -c unionroot -n '__unionroot_option begin clone' -s n -l name -x -d 'the session\'s id'
complete -c unionroot -n '__unionroot_option clone' -l snapshot -x -d 'what it had at this one'
complete -c unionroot -n '__unionroot_option clone' -l count -x -d 'so many'
complete -c unionroot -n '__unionroot_option run' -s u -l user -x -a '(__fish_complete_users)' -d 'run as this user'
complete -c unionroot -n '__unionroot_option run' -s d -l directory -x -a '(__fish_complete_directories)' -d 'the working directory inside'
complete -c unionroot -n '__unionroot_option run' -s p -l preserve-environment -d 'keep your environment'
complete -c unionroot -n '__unionroot_option run' -l env -x -a '(set --names --export)' -d 'give it this variable'
complete -c unionroot -n '__unionroot_option run' -l env-file -r -F -d 'give it the variables of this file'
complete -c unionroot -n '__unionroot_option run' -s s -l shell -r -F -d 'the login shell'
complete -c unionroot -n '__unionroot_option run' -l diff -d 'list what the command has changed'
complete -c unionroot -n '__unionroot_option run' -l keep -x -a 'failed changed always' -d 'keep the session'
complete -c unionroot -n '__unionroot_option run' -s t -l tty -d 'a terminal of its own in any case'
complete -c unionroot -n '__unionroot_option run' -s T -l no-tty -d 'no terminal of its own'
complete -c unionroot -n '__unionroot_option run' -l timeout -x -d 'how many seconds it may take'
complete -c unionroot -n '__unionroot_option run' -l kill-after -x -d 'how many seconds later it is killed'
complete -c unionroot -n '__unionroot_option recover' -l accept-source -d 'take another source, as root'
complete -c unionroot -n '__unionroot_option end recover' -s a -l all -d 'every one of yours'
complete -c unionroot -n '__unionroot_option history' -s n -l last -x -d 'only the last NUMBER commands'
complete -c unionroot -n '__unionroot_option history' -l failed -d 'only those that did not exit with status 0'
complete -c unionroot -n '__unionroot_option usage' -l by -x -a 'user chroot' -d 'one line for each'
complete -c unionroot -n '__unionroot_option prune' -s a -l all -d 'remove all of it'
complete -c unionroot -n '__unionroot_option prune' -l older-than -x -d 'only of sessions begun at least so many days ago'
complete -c unionroot -n '__unionroot_option prune' -l kind -x -a 'orphan cache volume dataset subvolume' -d 'only these'
complete -c unionroot -n '__unionroot_option diff' -s z -l null -d 'NUL after each path'
complete -c unionroot -n '__unionroot_option diff' -l name-only -d 'the paths alone'
complete -c unionroot -n '__unionroot_option diff' -l stat -d 'how many in each folder'
complete -c unionroot -n '__unionroot_option reset' -l keep -x -d 'leave this as it is'
complete -c unionroot -n '__unionroot_option apply' -l dry-run -d 'only list what would be applied'
complete -c unionroot -n '__unionroot_option apply' -l exclude -x -d 'leave this out'
complete -c unionroot -n '__unionroot_option apply' -l from -r -F -d 'the entries of this list alone'
complete -c unionroot -n '__unionroot_option apply' -l ours -x -d 'the tree keeps what it has there'
complete -c unionroot -n '__unionroot_option apply' -l theirs -x -d 'the tree gets what the session has there'
complete -c unionroot -n '__unionroot_option end' -s f -l force -d 'end it in any state'
complete -c unionroot -n '__unionroot_option end' -l discard -d 'pack nothing of a changed tarball'
complete -c unionroot -n '__unionroot_option import' -s o -l output -x -a '(__fish_complete_directories)' -d 'the folder to write to'
complete -c unionroot -n '__unionroot_option import' -l sessions -d 'take over schroot\'s sessions'
complete -c unionroot -n '__unionroot_option import' -l dry-run -d 'list schroot\'s sessions only'
complete -c unionroot -n '__unionroot_option list' -l sessions -d 'only the sessions'
complete -c unionroot -n '__unionroot_option list' -l chroots -d 'only the chroots'
complete -c unionroot -n '__unionroot_option list' -s m -l mine -d 'what is yours, and what you may use'
