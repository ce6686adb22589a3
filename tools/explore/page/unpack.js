// From the packed data in the page to text and numbers. A block is base64 of a zlib stream; numbers are 32-bit
// integers whose four bytes stand in four planes, each number less the one before it where the block says so.

/** The bytes of the block `name`. */
async function unpackBytes(name) {
  const block = document.getElementById(`data-${name}`);
  const binary = atob(block.textContent);
  const packed = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) packed[i] = binary.charCodeAt(i);
  block.remove();
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The text of a block. */
async function unpackText(name) {
  return new TextDecoder().decode(await unpackBytes(name));
}

/** The lines of a block; a line ends with a newline. */
async function unpackLines(name) {
  const lines = (await unpackText(name)).split("\n");
  lines.pop();
  return lines;
}

/** The integers of a block. */
async function unpackIntegers(name, differences) {
  const bytes = await unpackBytes(name);
  const count = bytes.length / 4;
  const numbers = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    numbers[i] = bytes[i] | (bytes[count + i] << 8) | (bytes[2 * count + i] << 16) | (bytes[3 * count + i] << 24);
  }
  if (differences) for (let i = 1; i < count; i++) numbers[i] = (numbers[i] + numbers[i - 1]) | 0;
  return numbers;
}

/** The doubles of a block. */
async function unpackDoubles(name) {
  return new Float64Array((await unpackBytes(name)).buffer);
}
