// The port to send to, and how a script waits for the daemon there: it stands before each.

const fs = require('fs');

const BURST = 50;
const port = Number(process.argv[1]);

// Whether the daemon has read all that came to its sockets.
function isRead() {
  const sockets = fs.readFileSync('/proc/net/udp', 'utf8').trim().split('\n').slice(1);
  return sockets.every((line) => {
    const fields = line.trim().split(/\s+/);
    const isOurs = parseInt(fields[1].split(':')[1], 16) === port;
    return !isOurs || parseInt(fields[4].split(':')[1], 16) === 0;
  });
}

// Waits for the daemon, so that a busy machine costs time and no datagrams.
async function pause() {
  do {
    await new Promise((resolve) => setTimeout(resolve, 1));
  } while (!isRead());
}

// What is sampled is not up to chance here: of four calls two have a number below 0.5.
let calls = 0;
Math.random = () => (calls++ % 4) / 4;
