#compdef gstatsd

autoload -U is-at-least

_gstatsd() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'*-b+[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*--bind=[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*-s+[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'*--sink=[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'-f+[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'--flush=[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'-p+[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'--percent=[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'-x+[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'--prefix=[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'-c+[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--config=[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--workers=[Threads that receive and aggregate; 0 is one for each core \[default\: 0\]]:N:_default' \
'--pid-file=[Write the process id to this file]:FILE:_files' \
'--log=[Log to stderr, syslog or a file (opened again on SIGHUP) \[default\: stderr\]]:TARGET:_default' \
'--sandbox=[Close the process in\: auto (as far as this system can), require or off \[default\: off\]]:HOW:_default' \
'*-v[Log more\: -v for debug, -vv for every packet]' \
'-D[Check everything, then go to the background]' \
'--daemonize[Check everything, then go to the background]' \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_gstatsd_commands" \
"*::: :->gstatsd" \
&& ret=0
    case $state in
    (gstatsd)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:gstatsd-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
'*-b+[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*--bind=[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*-s+[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'*--sink=[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'-f+[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'--flush=[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'-p+[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'--percent=[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'-x+[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'--prefix=[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'-c+[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--config=[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--workers=[Threads that receive and aggregate; 0 is one for each core \[default\: 0\]]:N:_default' \
'--pid-file=[Write the process id to this file]:FILE:_files' \
'--log=[Log to stderr, syslog or a file (opened again on SIGHUP) \[default\: stderr\]]:TARGET:_default' \
'--sandbox=[Close the process in\: auto (as far as this system can), require or off \[default\: off\]]:HOW:_default' \
'*-v[Log more\: -v for debug, -vv for every packet]' \
'-D[Check everything, then go to the background]' \
'--daemonize[Check everything, then go to the background]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::file -- The configuration file, as with -c:_files' \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'*-b+[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*--bind=[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*-s+[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'*--sink=[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'-f+[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'--flush=[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'-p+[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'--percent=[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'-x+[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'--prefix=[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'-c+[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--config=[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--workers=[Threads that receive and aggregate; 0 is one for each core \[default\: 0\]]:N:_default' \
'--pid-file=[Write the process id to this file]:FILE:_files' \
'--log=[Log to stderr, syslog or a file (opened again on SIGHUP) \[default\: stderr\]]:TARGET:_default' \
'--sandbox=[Close the process in\: auto (as far as this system can), require or off \[default\: off\]]:HOW:_default' \
'*-v[Log more\: -v for debug, -vv for every packet]' \
'-D[Check everything, then go to the background]' \
'--daemonize[Check everything, then go to the background]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':line -- The line, such as '\''a\:1|c|@0.1'\'':_default' \
&& ret=0
;;
(send)
_arguments "${_arguments_options[@]}" : \
'--to=[Where to send\: \[HOST\]\:PORT, PORT, or a URL with udp, tcp, unix, unixgram or unixstream \[default\: localhost\:8125\]]:ADDR:_default' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::lines -- The lines, such as '\''deploys\:1|c'\'':_default' \
&& ret=0
;;
(replay)
_arguments "${_arguments_options[@]}" : \
'*-b+[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*--bind=[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*-s+[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'*--sink=[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'-f+[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'--flush=[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'-p+[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'--percent=[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'-x+[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'--prefix=[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'-c+[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--config=[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--workers=[Threads that receive and aggregate; 0 is one for each core \[default\: 0\]]:N:_default' \
'--pid-file=[Write the process id to this file]:FILE:_files' \
'--log=[Log to stderr, syslog or a file (opened again on SIGHUP) \[default\: stderr\]]:TARGET:_default' \
'--sandbox=[Close the process in\: auto (as far as this system can), require or off \[default\: off\]]:HOW:_default' \
'*-v[Log more\: -v for debug, -vv for every packet]' \
'-D[Check everything, then go to the background]' \
'--daemonize[Check everything, then go to the background]' \
'--timestamps[Add the time stamps of a virtual clock to the lines]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':file -- The recorded packets:_files' \
&& ret=0
;;
(import)
_arguments "${_arguments_options[@]}" : \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':file -- The configuration to read, or -:_files' \
&& ret=0
;;
(spool)
_arguments "${_arguments_options[@]}" : \
'*-b+[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*--bind=[Listen here\: \[HOST\]\:PORT, PORT or udp\://HOST\:PORT (UDP), tcp\://HOST\:PORT, unix\://PATH (connections) or unixgram\://PATH (datagrams); can be repeated \[default\: \:8125\]]:ADDR:_default' \
'*-s+[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'*--sink=[Send to this Graphite (\[HOST\]\:PORT, PORT or graphite\://HOST\:PORT), StatsD (statsd\://HOST\:PORT) or file (file\:PATH), or show each flush on standard output (console\:); can be repeated, each gets everything \[default\: console\:\]]:SINK:_default' \
'-f+[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'--flush=[Seconds between flushes \[default\: 10\]]:SECONDS:_default' \
'-p+[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'--percent=[Percentile of the timers, above 0 and up to 100 \[default\: 90\]]:PERCENT:_default' \
'-x+[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'--prefix=[Put this and a dot before the name of every metric; \${HOSTNAME} and other variables are expanded \[default\: none\]]:PREFIX:_default' \
'-c+[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--config=[Read the configuration from this TOML file; flags override it]:FILE:_files' \
'--workers=[Threads that receive and aggregate; 0 is one for each core \[default\: 0\]]:N:_default' \
'--pid-file=[Write the process id to this file]:FILE:_files' \
'--log=[Log to stderr, syslog or a file (opened again on SIGHUP) \[default\: stderr\]]:TARGET:_default' \
'--sandbox=[Close the process in\: auto (as far as this system can), require or off \[default\: off\]]:HOW:_default' \
'*-v[Log more\: -v for debug, -vv for every packet]' \
'-D[Check everything, then go to the background]' \
'--daemonize[Check everything, then go to the background]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':what -- What to do:((ls\:"One line for each spool\: how much is there"
verify\:"Read every record; the exit code is 1 where anything is damaged"
export\:"Print what is there as lines for Graphite"))' \
'::name -- Of this sink alone; it need not be in the configuration any more:_default' \
&& ret=0
;;
(docs)
_arguments "${_arguments_options[@]}" : \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':page -- What to print:((man\:"The manual page, for man(1)"
config\:"The reference of the configuration file, in Markdown"
bash\:"Completions for bash"
zsh\:"Completions for zsh"
fish\:"Completions for fish"))' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_gstatsd__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:gstatsd-help-command-$line[1]:"
        case $line[1] in
            (check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(send)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(replay)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(import)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(spool)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(docs)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_gstatsd_commands] )) ||
_gstatsd_commands() {
    local commands; commands=(
'check:Is this configuration valid, and what does it come to' \
'explain:How a line is read, and what it becomes' \
'send:Send lines to a StatsD service' \
'replay:What recorded packets become, without a network' \
'import:Print a configuration of the Node.js StatsD as ours' \
'spool:What waits on the disk for sinks' \
'docs:Print the manual page, the configuration reference or shell completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'gstatsd commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__check_commands] )) ||
_gstatsd__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd check commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__docs_commands] )) ||
_gstatsd__subcmd__docs_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd docs commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__explain_commands] )) ||
_gstatsd__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd explain commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help_commands] )) ||
_gstatsd__subcmd__help_commands() {
    local commands; commands=(
'check:Is this configuration valid, and what does it come to' \
'explain:How a line is read, and what it becomes' \
'send:Send lines to a StatsD service' \
'replay:What recorded packets become, without a network' \
'import:Print a configuration of the Node.js StatsD as ours' \
'spool:What waits on the disk for sinks' \
'docs:Print the manual page, the configuration reference or shell completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'gstatsd help commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help__subcmd__check_commands] )) ||
_gstatsd__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd help check commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help__subcmd__docs_commands] )) ||
_gstatsd__subcmd__help__subcmd__docs_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd help docs commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help__subcmd__explain_commands] )) ||
_gstatsd__subcmd__help__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd help explain commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help__subcmd__help_commands] )) ||
_gstatsd__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd help help commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help__subcmd__import_commands] )) ||
_gstatsd__subcmd__help__subcmd__import_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd help import commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help__subcmd__replay_commands] )) ||
_gstatsd__subcmd__help__subcmd__replay_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd help replay commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help__subcmd__send_commands] )) ||
_gstatsd__subcmd__help__subcmd__send_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd help send commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__help__subcmd__spool_commands] )) ||
_gstatsd__subcmd__help__subcmd__spool_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd help spool commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__import_commands] )) ||
_gstatsd__subcmd__import_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd import commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__replay_commands] )) ||
_gstatsd__subcmd__replay_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd replay commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__send_commands] )) ||
_gstatsd__subcmd__send_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd send commands' commands "$@"
}
(( $+functions[_gstatsd__subcmd__spool_commands] )) ||
_gstatsd__subcmd__spool_commands() {
    local commands; commands=()
    _describe -t commands 'gstatsd spool commands' commands "$@"
}

if [ "$funcstack[1]" = "_gstatsd" ]; then
    _gstatsd "$@"
else
    compdef _gstatsd gstatsd
fi
