// Sends metrics with the node-statsd package.

const { StatsD } = require('node-statsd');

async function main() {
  const client = new StatsD('127.0.0.1', port, 'ns.', '.end');
  for (let number = 0; number < 5000; number++) {
    client.increment('hits');
    if (number % BURST === BURST - 1) await pause();
  }
  for (let number = 0; number < 1000; number++) {
    client.increment('sampled', 1, 0.5);
    if (number % BURST === BURST - 1) await pause();
  }
  for (let number = 1; number <= 250; number++) {
    client.timing('load', number + 0.25);
    if (number % BURST === 0) await pause();
  }
  for (let number = 1; number <= 10; number++) {
    client.decrement(['balance', 'debt'], number);
    client.histogram('size', number);
    client.set('users', `user ${number % 4}`);
    client.gauge('level', number);
  }
  await pause();
  client.increment('tagged', 3, ['env:test', 'bare']);
  // The program ends when all is sent.
  client.socket.unref();
}

main();
