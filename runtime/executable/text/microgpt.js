// Runs what `microgpt export --target wasm` wrote: load() takes the bytes of a .wasm file. What the program is, and where
// in its memory everything stands, is JSON in a section of that file, so that this module serves every program.
// microgpt.d.ts has the types.

// Parameters begin normally distributed with this deviation, as in Python.
const DEVIATION = 0.08;

async function load(bytes) {
  const module = bytes instanceof WebAssembly.Module ? bytes : await WebAssembly.compile(bytes);
  const [section] = WebAssembly.Module.customSections(module, "microgpt");
  if (!section) throw new Error("this is no program that microgpt exported");
  const about = JSON.parse(new TextDecoder().decode(section));
  return about.kind === "model" ? new Model(module, about) : instance(module).then((exports) => callable(exports, about));
}

async function instance(module) {
  const { exports } = await WebAssembly.instantiate(module);
  exports.begin();
  if (!exports.exact()) throw new Error("numbers are not rounded here as WebAssembly demands");
  return exports;
}

// A view of so many numbers in the memory of an instance. Memories do not grow, so views stay valid.
function view(exports, offset, size) {
  return new Float64Array(exports.memory.buffer, exports.state() + 8 * offset, size);
}

function sizeOf({ shape }) {
  return shape.reduce((size, extent) => size * extent, 1);
}

class Model {
  constructor(module, about) {
    this.module = module;
    this.about = about;
    this.arrays = new Map(about.arrays.map((array) => [array.name, array]));
    this.tokens = new Map(about.alphabet.map((character, token) => [character, token]));
  }

  check(documents) {
    const accepted = [], refused = [];
    documents.forEach((given, index) => {
      const document = given.trim();
      const character = [...document].find((one) => !this.tokens.has(one));
      if (character !== undefined) refused.push({ index, document, character });
      else if (document) accepted.push(document);
    });
    return { accepted, refused };
  }

  // The tokens of a text, between the token that begins and ends documents.
  encode(text) {
    const { refused: [wrong] } = this.check([text]);
    if (wrong) throw new Error(`the program has no character "${wrong.character}", which "${wrong.document}" has`);
    const end = this.about.vocabulary - 1;
    return [end, ...[...text.trim()].map((character) => this.tokens.get(character)), end];
  }

  array(name) {
    const array = this.arrays.get(name);
    if (!array) throw new Error(`the program has no array "${name}"`);
    return array;
  }

  async train(options) {
    return new Training(this, await instance(this.module), await this.sampler(null), options);
  }

  async sampler(parameters) {
    const exports = await instance(this.module), sampler = new Sampler(this, exports);
    if (parameters) sampler.parameters.set(parameters);
    else if (parameters === undefined && !exports.trained) throw new Error("no weights were exported; give parameters");
    else if (parameters === undefined) exports.trained();
    return sampler;
  }
}

class Sampler {
  constructor(model, exports) {
    this.model = model;
    this.exports = exports;
    this.parameters = this.array("parameters");
  }

  array(name) {
    const array = this.model.array(name);
    return view(this.exports, array.offset, sizeOf(array));
  }

  sample({ count = 1, temperature = 0.5, seed = 42 } = {}) {
    this.exports.seed(seed);
    return this.draw(count, temperature, this.exports.uniform);
  }

  draw(count, temperature, uniform) {
    const { exports, model: { about } } = this, end = about.vocabulary - 1, documents = [];
    exports.prepare();
    while (documents.length < count) {
      let document = "";
      for (let position = 0, token = end; position < about.block; position++) {
        token = exports.choose(exports.next(position, token, temperature), uniform());
        if (token < 0) throw new Error("the probabilities are not finite numbers");
        if (token === end) break;
        document += about.alphabet[token];
      }
      documents.push(document);
    }
    return documents;
  }

  distribution(text, temperature = 1) {
    const { exports, model } = this, tokens = model.encode(text).slice(0, -1);
    if (tokens.length > model.about.block) throw new Error(`"${text}" is longer than ${model.about.block - 1} characters`);
    exports.prepare();
    const [address] = tokens.map((token, position) => exports.next(position, token, temperature)).slice(-1);
    return new Float64Array(exports.memory.buffer, address, model.about.vocabulary).slice();
  }
}

class Training {
  constructor(model, exports, sampler, { documents, seed = 42, steps = 1000, learningRate = model.about.learningRate }) {
    const { accepted, refused: [wrong] } = model.check(documents);
    if (wrong) model.encode(wrong.document);
    if (!accepted.length) throw new Error("there is no document");
    Object.assign(this, { model, exports, sampler, steps, learningRate, taken: 0, document: "", length: 0 });
    this.documents = accepted;
    this.index = new Int32Array(exports.memory.buffer, exports.index(), 2 * model.about.block);
    this.parameters = this.array("parameters");
    exports.seed(seed);
    for (let i = accepted.length - 1; i > 0; i--) {
      const j = exports.below(i + 1);
      [accepted[i], accepted[j]] = [accepted[j], accepted[i]];
    }
    for (let i = 0; i < this.parameters.length; i++) this.parameters[i] = exports.gauss(DEVIATION);
  }

  array(name) {
    const array = this.model.array(name);
    return view(this.exports, array.offset, sizeOf(array));
  }

  get tokens() {
    return this.index.subarray(0, this.length);
  }

  get targets() {
    return this.index.subarray(this.length, 2 * this.length);
  }

  step() {
    const { exports, model: { about } } = this;
    this.document = this.documents[this.taken % this.documents.length];
    const tokens = this.model.encode(this.document);
    this.length = Math.min(about.block, tokens.length - 1);
    this.index.set(tokens.slice(0, this.length));
    this.index.set(tokens.slice(1, this.length + 1), this.length);
    const rate = this.taken < this.steps ? this.learningRate : 0;
    return exports.step(this.length, this.taken++, this.steps || 1, rate);
  }

  run(count) {
    return Float64Array.from({ length: count }, () => this.step());
  }

  sample({ count = 1, temperature = 0.5, seed } = {}) {
    this.sampler.parameters.set(this.parameters);
    if (seed === undefined) return this.sampler.draw(count, temperature, this.exports.uniform);
    return this.sampler.sample({ count, temperature, seed });
  }

  distribution(text, temperature = 1) {
    this.sampler.parameters.set(this.parameters);
    return this.sampler.distribution(text, temperature);
  }
}

// A function of numbers: call(arguments, index) gives its results by name.
function callable(exports, about) {
  const call = (given, index = []) => {
    const named = about.arguments.length === 1 && given[about.arguments[0].name] === undefined;
    for (const { name, offset, size } of about.arguments) {
      const numbers = named ? given : given[name];
      if (numbers?.length !== size) throw new Error(`${about.name}: "${name}" is ${size} numbers`);
      view(exports, offset, size).set(numbers);
    }
    if (index.length !== about.indices.length) throw new Error(`${about.name}: index is ${about.indices.length} numbers`);
    about.indices.forEach(({ name, limit }, at) => {
      if (!(Number.isInteger(index[at]) && index[at] >= 0 && index[at] < limit))
        throw new Error(`${about.name}: "${name}" is a whole number from 0 to ${limit - 1}, not ${index[at]}`);
    });
    new Int32Array(exports.memory.buffer, exports.index(), index.length).set(index);
    exports.call();
    return Object.fromEntries(about.results.map(({ name, offset, size }) => {
      const numbers = view(exports, offset, size);
      return [name, name === "value" && size === 1 ? numbers[0] : numbers.slice()];
    }));
  };
  return Object.assign(call, { about });
}

export { load };
