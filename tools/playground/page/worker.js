// The worker: trains, and tells the page how it goes. It is one script with microgpt.js, whose `load` it calls.
//
// Messages in: begin, run, pause, step, set, invent, shown. Messages out: ready, refused, frame, failed. A frame has
// what has happened since the one before; the next one is not sent before the page has shown it.

const PACES = { slow: 4, steady: 100, full: Infinity }; // steps a second
const FRAME = 30; // milliseconds between two frames, at least
const SLICE = 12; // milliseconds of steps between two looks at the messages
const SLOTS = 12; // names invented on the way
const FINAL = 20; // names invented at the end, as `microgpt train` does

let program = null;
let training = null;
let probe = null; // another training, of one text, whose learning rate is zero: it shows what the model makes of it
let settings = { pace: "steady", temperature: 0.5, text: "", follow: false, doubles: 0 };
let running = false;
let shown = true; // whether the page has shown the last frame
let dirty = false; // whether there is something new to show
let lastFrame = 0;
let news = emptyNews();
let pacer = { since: 0, steps: 0 };
let speed = { marks: [], busy: 0, count: 0 };
let work = Promise.resolve(); // what takes time runs one after the other

const ticker = new MessageChannel();
ticker.port1.onmessage = tick;

function emptyNews() {
  return { losses: [], samples: [], final: null };
}

onmessage = ({ data }) => {
  work = work.then(() => ACTIONS[data.kind](data)).catch((error) => {
    running = false;
    postMessage({ kind: "failed", message: String(error.message ?? error) });
  });
};

const ACTIONS = {
  async begin({ bytes, documents, seed, steps, learningRate, ...rest }) {
    running = false;
    Object.assign(settings, rest);
    program = await load(bytes);
    const { accepted, refused } = program.check(documents);
    if (!accepted.length) {
      postMessage({ kind: "refused", refused, accepted: 0 });
      return;
    }
    training = await program.train({ documents: accepted, seed, steps, learningRate });
    await look();
    news = emptyNews();
    speed = { marks: [], busy: 0, count: 0 };
    const { alphabet, parameters, width, heads, block, vocabulary } = program.about;
    const count = accepted.length;
    postMessage({ kind: "ready", alphabet, parameters, width, heads, block, vocabulary, documents: count, refused });
    shown = true;
    changed();
  },
  run() {
    if (!training || training.taken >= training.steps) return;
    running = true;
    pacer = { since: performance.now(), steps: 0 };
    speed.marks = [];
    changed();
  },
  pause() {
    running = false;
    changed();
  },
  step() {
    running = false;
    if (training && training.taken < training.steps) takeStep();
    changed();
  },
  async set({ kind, ...rest }) {
    const { steps, learningRate, ...others } = rest;
    if (training && steps !== undefined) training.steps = steps;
    if (training && learningRate !== undefined) training.learningRate = learningRate;
    const other = others.text !== undefined && others.text !== settings.text;
    Object.assign(settings, others);
    pacer = { since: performance.now(), steps: 0 };
    if (training && other) await look();
    changed();
  },
  invent() {
    if (!training) return;
    news.final = training.sample({ count: FINAL, temperature: settings.temperature });
    changed();
  },
  shown() {
    shown = true;
    poke();
  },
};

/** Makes the program that reads the text which the page shows. */
async function look() {
  probe = await program.train({ documents: [settings.text], steps: 1, learningRate: 0 });
}

function changed() {
  dirty = true;
  poke();
}

let poked = false;
function poke() {
  if (!poked) ticker.port2.postMessage(null);
  poked = true;
}

function tick() {
  poked = false;
  if (running) advance();
  const now = performance.now();
  if (dirty && shown && (!running || now - lastFrame >= FRAME)) sendFrame(now);
  if (running) {
    if (due() > 0) poke();
    else setTimeout(poke, 4);
  }
}

/** How many steps the pace asks for by now. */
function due() {
  const rate = PACES[settings.pace];
  return rate === Infinity ? Infinity : ((performance.now() - pacer.since) * rate) / 1000 - pacer.steps;
}

function advance() {
  const end = performance.now() + SLICE;
  // Behind what a slice can do, the pace is not made up for.
  while (running && due() >= 1) {
    takeStep();
    pacer.steps++;
    if (performance.now() >= end) break;
  }
  if (running && due() > 100) pacer = { since: performance.now(), steps: 0 };
}

function takeStep() {
  const begin = performance.now();
  const loss = training.step();
  speed.busy += performance.now() - begin;
  speed.count++;
  news.losses.push(loss);
  dirty = true;
  const { taken, steps } = training;
  if (!Number.isFinite(loss)) {
    running = false;
    postMessage({ kind: "failed", message: "The loss is not a number any more. Reset, and try a lower learning rate." });
    return;
  }
  // Whenever a twelfth of the steps is over. Each of these names has a random stream of its own, by its step.
  if (Math.floor((taken * SLOTS) / steps) > Math.floor(((taken - 1) * SLOTS) / steps)) {
    const [text] = training.sample({ count: 1, temperature: settings.temperature, seed: taken });
    news.samples.push({ slot: Math.floor((taken * SLOTS) / steps) - 1, step: taken, text });
  }
  if (taken >= steps) {
    running = false;
    news.final = training.sample({ count: FINAL, temperature: settings.temperature });
  }
}

function sendFrame(now) {
  const own = !settings.follow || !training.length;
  if (own) {
    probe.parameters.set(training.parameters);
    probe.step();
  }
  const source = own ? probe : training;
  // The parameters come first in a program's memory.
  const memory = new Float64Array(source.parameters.buffer, source.parameters.byteOffset, settings.doubles);
  const numbers = memory.slice();
  speed.marks.push([now, training.taken]);
  while (speed.marks.length > 2 && now - speed.marks[0][0] > 1000) speed.marks.shift();
  const [[then, before]] = speed.marks;
  const rate = running && now > then ? (1000 * (training.taken - before)) / (now - then) : 0;
  const losses = Float64Array.from(news.losses);
  const { taken: step, steps } = training;
  postMessage(
    {
      kind: "frame", step, steps, losses, numbers, running, rate, samples: news.samples, final: news.final,
      micros: speed.count ? (1000 * speed.busy) / speed.count : 0, text: source.document, length: source.length,
    },
    [losses.buffer, numbers.buffer],
  );
  news = emptyNews();
  if (speed.count > 1000) speed = { ...speed, busy: speed.busy / 2, count: speed.count / 2 };
  shown = dirty = false;
  lastFrame = now;
}
