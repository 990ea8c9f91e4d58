# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gstatsd_global_optspecs
    string join \n b/bind= s/sink= f/flush= p/percent= x/prefix= c/config= v D/daemonize workers= pid-file= log= sandbox= h/help V/version
end

function __fish_gstatsd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gstatsd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gstatsd_using_subcommand
    set -l cmd (__fish_gstatsd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gstatsd -n "__fish_gstatsd_needs_command" -s b -l bind -d 'Listen here: [HOST]:PORT, PORT or udp://HOST:PORT (UDP), tcp://HOST:PORT, unix://PATH (connections) or unixgram://PATH (datagrams); can be repeated [default: :8125]' -r
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s s -l sink -d 'Send to this Graphite ([HOST]:PORT, PORT or graphite://HOST:PORT), StatsD (statsd://HOST:PORT) or file (file:PATH), or show each flush on standard output (console:); can be repeated, each gets everything [default: console:]' -r
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s f -l flush -d 'Seconds between flushes [default: 10]' -r
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s p -l percent -d 'Percentile of the timers, above 0 and up to 100 [default: 90]' -r
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s x -l prefix -d 'Put this and a dot before the name of every metric; ${HOSTNAME} and other variables are expanded [default: none]' -r
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s c -l config -d 'Read the configuration from this TOML file; flags override it' -r -F
complete -c gstatsd -n "__fish_gstatsd_needs_command" -l workers -d 'Threads that receive and aggregate; 0 is one for each core [default: 0]' -r
complete -c gstatsd -n "__fish_gstatsd_needs_command" -l pid-file -d 'Write the process id to this file' -r -F
complete -c gstatsd -n "__fish_gstatsd_needs_command" -l log -d 'Log to stderr, syslog or a file (opened again on SIGHUP) [default: stderr]' -r
complete -c gstatsd -n "__fish_gstatsd_needs_command" -l sandbox -d 'Close the process in: auto (as far as this system can), require or off [default: off]' -r
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s v -d 'Log more: -v for debug, -vv for every packet'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s D -l daemonize -d 'Check everything, then go to the background'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s h -l help -d 'Print help'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -s V -l version -d 'Print version'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -f -a "check" -d 'Is this configuration valid, and what does it come to'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -f -a "explain" -d 'How a line is read, and what it becomes'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -f -a "send" -d 'Send lines to a StatsD service'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -f -a "replay" -d 'What recorded packets become, without a network'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -f -a "import" -d 'Print a configuration of the Node.js StatsD as ours'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -f -a "spool" -d 'What waits on the disk for sinks'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -f -a "docs" -d 'Print the manual page, the configuration reference or shell completions'
complete -c gstatsd -n "__fish_gstatsd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s b -l bind -d 'Listen here: [HOST]:PORT, PORT or udp://HOST:PORT (UDP), tcp://HOST:PORT, unix://PATH (connections) or unixgram://PATH (datagrams); can be repeated [default: :8125]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s s -l sink -d 'Send to this Graphite ([HOST]:PORT, PORT or graphite://HOST:PORT), StatsD (statsd://HOST:PORT) or file (file:PATH), or show each flush on standard output (console:); can be repeated, each gets everything [default: console:]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s f -l flush -d 'Seconds between flushes [default: 10]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s p -l percent -d 'Percentile of the timers, above 0 and up to 100 [default: 90]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s x -l prefix -d 'Put this and a dot before the name of every metric; ${HOSTNAME} and other variables are expanded [default: none]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s c -l config -d 'Read the configuration from this TOML file; flags override it' -r -F
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -l workers -d 'Threads that receive and aggregate; 0 is one for each core [default: 0]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -l pid-file -d 'Write the process id to this file' -r -F
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -l log -d 'Log to stderr, syslog or a file (opened again on SIGHUP) [default: stderr]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -l sandbox -d 'Close the process in: auto (as far as this system can), require or off [default: off]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s v -d 'Log more: -v for debug, -vv for every packet'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s D -l daemonize -d 'Check everything, then go to the background'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s b -l bind -d 'Listen here: [HOST]:PORT, PORT or udp://HOST:PORT (UDP), tcp://HOST:PORT, unix://PATH (connections) or unixgram://PATH (datagrams); can be repeated [default: :8125]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s s -l sink -d 'Send to this Graphite ([HOST]:PORT, PORT or graphite://HOST:PORT), StatsD (statsd://HOST:PORT) or file (file:PATH), or show each flush on standard output (console:); can be repeated, each gets everything [default: console:]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s f -l flush -d 'Seconds between flushes [default: 10]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s p -l percent -d 'Percentile of the timers, above 0 and up to 100 [default: 90]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s x -l prefix -d 'Put this and a dot before the name of every metric; ${HOSTNAME} and other variables are expanded [default: none]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s c -l config -d 'Read the configuration from this TOML file; flags override it' -r -F
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -l workers -d 'Threads that receive and aggregate; 0 is one for each core [default: 0]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -l pid-file -d 'Write the process id to this file' -r -F
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -l log -d 'Log to stderr, syslog or a file (opened again on SIGHUP) [default: stderr]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -l sandbox -d 'Close the process in: auto (as far as this system can), require or off [default: off]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s v -d 'Log more: -v for debug, -vv for every packet'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s D -l daemonize -d 'Check everything, then go to the background'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand send" -l to -d 'Where to send: [HOST]:PORT, PORT, or a URL with udp, tcp, unix, unixgram or unixstream [default: localhost:8125]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s b -l bind -d 'Listen here: [HOST]:PORT, PORT or udp://HOST:PORT (UDP), tcp://HOST:PORT, unix://PATH (connections) or unixgram://PATH (datagrams); can be repeated [default: :8125]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s s -l sink -d 'Send to this Graphite ([HOST]:PORT, PORT or graphite://HOST:PORT), StatsD (statsd://HOST:PORT) or file (file:PATH), or show each flush on standard output (console:); can be repeated, each gets everything [default: console:]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s f -l flush -d 'Seconds between flushes [default: 10]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s p -l percent -d 'Percentile of the timers, above 0 and up to 100 [default: 90]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s x -l prefix -d 'Put this and a dot before the name of every metric; ${HOSTNAME} and other variables are expanded [default: none]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s c -l config -d 'Read the configuration from this TOML file; flags override it' -r -F
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -l workers -d 'Threads that receive and aggregate; 0 is one for each core [default: 0]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -l pid-file -d 'Write the process id to this file' -r -F
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -l log -d 'Log to stderr, syslog or a file (opened again on SIGHUP) [default: stderr]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -l sandbox -d 'Close the process in: auto (as far as this system can), require or off [default: off]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s v -d 'Log more: -v for debug, -vv for every packet'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s D -l daemonize -d 'Check everything, then go to the background'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -l timestamps -d 'Add the time stamps of a virtual clock to the lines'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s b -l bind -d 'Listen here: [HOST]:PORT, PORT or udp://HOST:PORT (UDP), tcp://HOST:PORT, unix://PATH (connections) or unixgram://PATH (datagrams); can be repeated [default: :8125]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s s -l sink -d 'Send to this Graphite ([HOST]:PORT, PORT or graphite://HOST:PORT), StatsD (statsd://HOST:PORT) or file (file:PATH), or show each flush on standard output (console:); can be repeated, each gets everything [default: console:]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s f -l flush -d 'Seconds between flushes [default: 10]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s p -l percent -d 'Percentile of the timers, above 0 and up to 100 [default: 90]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s x -l prefix -d 'Put this and a dot before the name of every metric; ${HOSTNAME} and other variables are expanded [default: none]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s c -l config -d 'Read the configuration from this TOML file; flags override it' -r -F
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -l workers -d 'Threads that receive and aggregate; 0 is one for each core [default: 0]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -l pid-file -d 'Write the process id to this file' -r -F
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -l log -d 'Log to stderr, syslog or a file (opened again on SIGHUP) [default: stderr]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -l sandbox -d 'Close the process in: auto (as far as this system can), require or off [default: off]' -r
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s v -d 'Log more: -v for debug, -vv for every packet'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s D -l daemonize -d 'Check everything, then go to the background'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand spool" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand docs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand help; and not __fish_seen_subcommand_from check explain send replay import spool docs help" -f -a "check" -d 'Is this configuration valid, and what does it come to'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand help; and not __fish_seen_subcommand_from check explain send replay import spool docs help" -f -a "explain" -d 'How a line is read, and what it becomes'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand help; and not __fish_seen_subcommand_from check explain send replay import spool docs help" -f -a "send" -d 'Send lines to a StatsD service'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand help; and not __fish_seen_subcommand_from check explain send replay import spool docs help" -f -a "replay" -d 'What recorded packets become, without a network'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand help; and not __fish_seen_subcommand_from check explain send replay import spool docs help" -f -a "import" -d 'Print a configuration of the Node.js StatsD as ours'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand help; and not __fish_seen_subcommand_from check explain send replay import spool docs help" -f -a "spool" -d 'What waits on the disk for sinks'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand help; and not __fish_seen_subcommand_from check explain send replay import spool docs help" -f -a "docs" -d 'Print the manual page, the configuration reference or shell completions'
complete -c gstatsd -n "__fish_gstatsd_using_subcommand help; and not __fish_seen_subcommand_from check explain send replay import spool docs help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
