/** A part of a program's memory. Numbers stand in the order of C: the last extent is the fastest. */
export interface ArrayAbout {
  name: string;
  shape: number[];
  /** Names of the first dimensions, such as "position"; "" for one without. */
  axes: string[];
  /** Where it begins, in numbers. */
  offset: number;
  kind: "argument" | "output" | "value" | "state" | "constant" | "copy";
  /** Of a value: the part of the model that computes it, such as "position.layer.head.weights". */
  scope: string;
  side: "" | "forward" | "backward";
  /** The line that computes it, or whose gradient it is, such as "gpt.py:171". */
  line: string;
  op: string;
}

export interface ModelAbout {
  kind: "model";
  name: string;
  numerics: "portable";
  vocabulary: number;
  layers: number;
  width: number;
  heads: number;
  block: number;
  parameters: number;
  /** What the tokens stand for; the last token, which begins and ends documents, is not among them. */
  alphabet: string[];
  learningRate: number;
  beta1: number;
  beta2: number;
  arrays: ArrayAbout[];
  /** The text of the files that `line` names. */
  sources: Record<string, string>;
}

export interface Refused {
  index: number;
  document: string;
  character: string;
}

export interface TrainingOptions {
  documents: string[];
  /** A whole number from 0 to 2^32 - 1. By default, 42. */
  seed?: number;
  /** After so many steps the learning rate is 0. By default, 1000. */
  steps?: number;
  learningRate?: number;
}

export interface SampleOptions {
  count?: number;
  temperature?: number;
  seed?: number;
}

export interface Model {
  readonly about: ModelAbout;
  /** Which documents the program can read. Blanks around them are dropped, and empty ones left out. */
  check(documents: string[]): { accepted: string[]; refused: Refused[] };
  /** Throws an Error at the first document that has a character that the program does not know. */
  train(options: TrainingOptions): Promise<Training>;
  /** With these parameters; without them, with the weights that were exported. */
  sampler(parameters?: ArrayLike<number>): Promise<Sampler>;
}

export interface Sampler {
  readonly parameters: Float64Array;
  sample(options?: SampleOptions): string[];
  /** The probabilities of what follows a text: one for each character, the last one for its end. */
  distribution(text: string, temperature?: number): Float64Array;
}

export interface Training {
  readonly model: Model;
  readonly parameters: Float64Array;
  /** The documents, in the order of training. */
  readonly documents: string[];
  /** Steps taken. */
  readonly taken: number;
  /** A step's rate is learningRate * (1 - taken / steps), and 0 from there on. Both may change at any time. */
  steps: number;
  learningRate: number;
  /** Of the last step: its document, how many positions it has, its tokens, and what follows each. */
  readonly document: string;
  readonly length: number;
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  /** Trains with the next document; returns its loss. */
  step(): number;
  run(count: number): Float64Array;
  /** A view of memory, as the last step has left it. Rows of positions that its document has not are older. */
  array(name: string): Float64Array;
  /** Without a seed, goes on with the random numbers of the training, as `microgpt train` does after its last step. */
  sample(options?: SampleOptions): string[];
  distribution(text: string, temperature?: number): Float64Array;
}

/** A function of your own: `given` has the numbers of its argument, or of each by its name. */
export interface OwnFunction {
  (given: ArrayLike<number> | Record<string, ArrayLike<number>>, index?: ArrayLike<number>): {
    value: number | Float64Array;
    [result: string]: number | Float64Array;
  };
  readonly about: {
    kind: "function";
    name: string;
    numerics: "portable";
    arguments: { name: string; offset: number; size: number }[];
    indices: { name: string; limit: number }[];
    results: { name: string; offset: number; size: number }[];
  };
}

/** Takes the bytes of a .wasm file, or the module that they were compiled to. */
export function load(bytes: BufferSource | WebAssembly.Module): Promise<Model | OwnFunction>;
