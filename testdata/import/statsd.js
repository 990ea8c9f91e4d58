/*
  A configuration with every key that the Node.js StatsD reads, in the ways in which people write
  them: { "this": "is a comment" }
*/
{
  graphiteHost: "carbon.example.com" // leading commas are common
, graphitePort: 2003
, graphitePicklePort: 2004
, graphiteProtocol: 'pickle'
, backends: [ "./backends/graphite", "./backends/console", "./backends/repeater", 'statsd-cloud' ]
, servers: [
    { server: "./servers/udp", address: "10.0.0.1", port: 8125 },
    { server: './servers/udp', address_ipv6: true, address: '::1', port: '8135' },
    { address_ipv6: true },
    { server: "./servers/tcp", address: "0.0.0.0", port: 8125 },
    { server: "./servers/tcp", socket: '/run/statsd.sock', socket_mod: 0777 },
  ]
, server: './servers/udp', address: '127.0.0.1', address_ipv6: false, port: 8125
, socket: undefined, socket_mod: 0x1ff
, mgmt_address: '127.0.0.1', mgmt_port: 8126
, debug: true, dumpMessages: false
, title: false
, healthStatus: 'up'
, flushInterval: 60 * 1000
, percentThreshold: [ 90, 99.9, "-10" ]
, flush_counts: false
, keyFlush: { interval: 30000, percent: 50, log: '/var/log/statsd-keys.log' }
, deleteIdleStats: true, deleteGauges: true, deleteSets: false
, gaugesMaxTTL: 3
, prefixStats: 'statsd.' + require('os').hostname()
, keyNameSanitize: true
, calculatedTimerMetrics: [ 'count', 'upper_percent', 'histogram', 'average' ]
, histogram: [ { metric: 'render', bins: [ 0.01, 0.1, 1, 10, 'inf' ] },
               { metric: 'foo', bins: [] },
               { metric: '', bins: [ 50, 100, ] } ]
, console: { prettyprint: true }
, log: { backend: 'syslog', application: 'statsd', level: 'LOG_INFO' }
, graphite: {
    "legacyNamespace": false
  , globalPrefix: process.env.DATACENTER
  , prefixCounter: "c", prefixTimer: "t", prefixGauge: "", prefixSet: "s"
  , globalSuffix: require('os').hostname()
  }
, repeater: [ { host: '10.10.10.10', port: 8125 }, { host: 'observer', port: 8125 } ]
, repeaterProtocol: "udp4"
, automaticConfigReload: false
, 'statsd-cloud': { token: "s\u00e4cret", tags: [ 'a', 'b' ] },
}
