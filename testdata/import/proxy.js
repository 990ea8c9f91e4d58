// A configuration with every key that the proxy of the Node.js StatsD reads.
{
nodes: [
{host: '127.0.0.1', port: 8127, adminport: 8128},
{host: 'node-2', port: 8129, adminport: 8130}
],
server: './servers/udp',
udp_version: 'udp4',
host:  '0.0.0.0',
address: '10.0.0.1',
address_ipv6: false,
port: 8125,
mgmt_address: '127.0.0.1',
mgmt_port: 8126,
forkCount: 'auto',
checkInterval: 1000,
cacheSize: 10000,
resetStats: true,
title: 'proxy',
log: { backend: 'stdout' }
}
