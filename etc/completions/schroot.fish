# fish completion for unionroot's schroot(1)

# The words of the command. It begins at the first word that is neither an option nor an option's value. Fails if it has
# not begun.
function __unionroot_schroot_command
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
                    set command 1
                case -c --chroot -d --directory -s --shell -u --user -o --option -n --session-name --debug
                    set skip 1
                case '-*'
                case '*'
                    set command 1
                    set found $word
            end
        end
    end
    set -q found[1]; and printf '%s\n' $found
    test $command = 1
end

function __unionroot_schroot_complete_command
    set -l line (string join -- ' ' (string escape -- (__unionroot_schroot_command)) (commandline -ct))
    complete --do-complete=$line
end

function __unionroot_schroot_names
    schroot --list --all 2>/dev/null
    # Chroots without their namespace too: `chroot:` may be omitted.
    schroot --list --all-chroots 2>/dev/null | string replace -rf '^chroot:' ''
end

set -l options 'not __unionroot_schroot_command >/dev/null'
complete -c schroot -f
complete -c schroot -n '__unionroot_schroot_command >/dev/null' -a '(__unionroot_schroot_complete_command)'
complete -c schroot -n $options -a '(__fish_complete_command)'
complete -c schroot -n $options -s c -l chroot -x -a '(__unionroot_schroot_names)' -d 'a chroot, source or session'
complete -c schroot -n $options -s d -l directory -x -a '(__fish_complete_directories)' -d 'the working directory inside'
complete -c schroot -n $options -s u -l user -x -a '(__fish_complete_users)' -d 'run as this user'
complete -c schroot -n $options -s s -l shell -r -F -d 'the login shell'
complete -c schroot -n $options -s o -l option -x -d 'set user data'
complete -c schroot -n $options -s n -l session-name -x -d 'the session\'s id'
complete -c schroot -n $options -l debug -x -a 'none notice info warning critical' -d 'taken, and shows nothing'
for option in h,help,'show help' V,version,'print the version' l,list,'list names' i,info,'show what is known' \
        q,quiet,'say less' v,verbose,'say more' a,all,'all chroots, sources and sessions' \
        p,preserve-environment,'keep your environment' b,begin-session,'begin a session, and print its id' \
        r,run-session,'run in a session' e,end-session,'end sessions' f,force,'end it whatever state it is in'
    set -l parts (string split -m 2 , $option)
    complete -c schroot -n $options -s $parts[1] -l $parts[2] -d $parts[3]
end
for option in config,'print as keyfile sections' location,'print the path on the host' all-chroots,'all chroots' \
        all-sessions,'all sessions' all-source-chroots,'all sources' exclude-aliases,'without aliases' \
        automatic-session,'begin, run and end' recover-session,'set failed sessions up again'
    set -l parts (string split -m 1 , $option)
    complete -c schroot -n $options -l $parts[1] -d $parts[2]
end
