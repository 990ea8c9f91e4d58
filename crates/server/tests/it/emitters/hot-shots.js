// Sends metrics with the hot-shots package: each in a datagram of its own, then many in one, then
// with tags in the style of Telegraf.

const { StatsD } = require('hot-shots');

function client(options) {
  return new StatsD({ host: '127.0.0.1', port, globalTags: { env: 'test' }, ...options });
}

function close(client) {
  return new Promise((resolve, reject) => client.close((error) => error ? reject(error) : resolve()));
}

async function main() {
  const direct = client({ prefix: 'hs.' });
  for (let number = 0; number < 5000; number++) {
    direct.increment('hits', 1, { shard: String(number % 2) });
    if (number % BURST === BURST - 1) await pause();
  }
  for (let number = 0; number < 1000; number++) {
    direct.increment('sampled', 1, 0.5);
    if (number % BURST === BURST - 1) await pause();
  }
  for (let number = 1; number <= 250; number++) {
    direct.timing('load', number + 0.25);
    if (number % BURST === 0) await pause();
  }
  for (let number = 1; number <= 10; number++) {
    direct.decrement(['balance', 'debt'], number);
    direct.histogram('size', number);
    direct.distribution('delay', number / 4, { url: 'a:b/c' });
    direct.unique('users', `user ${number % 4}`);
    direct.gauge('level', -number);
  }
  await pause();
  direct.event('Deployed', 'line 1\nline 2', { alert_type: 'info' });
  direct.check('redis', direct.CHECKS.CRITICAL, { message: 'down' });
  await close(direct);
  await pause();

  const buffered = client({ prefix: 'hs.', maxBufferSize: 1400, bufferFlushInterval: 20 });
  for (let number = 0; number < 20000; number++) {
    buffered.increment('buffered', 2);
    if (number % 500 === 499) await pause();
  }
  await close(buffered);
  await pause();

  const telegraf = client({ prefix: 'tg.', telegraf: true });
  for (let number = 0; number < 50; number++) telegraf.increment('hits', 1, { shard: 'a' });
  await close(telegraf);
  await pause();
}

main();
