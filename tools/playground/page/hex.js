// A double in hexadecimal, as Python's float.hex() writes it: every bit can be read.

function hexOf(number) {
  if (!Number.isFinite(number)) return String(number);
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, number);
  const bits = view.getBigUint64(0), sign = bits >> 63n ? "-" : "";
  const exponent = Number((bits >> 52n) & 0x7ffn), fraction = (bits & 0xfffffffffffffn).toString(16).padStart(13, "0");
  if (exponent === 0 && fraction === "0".repeat(13)) return `${sign}0x0.0p+0`;
  const power = exponent === 0 ? -1022 : exponent - 1023;
  return `${sign}0x${exponent === 0 ? 0 : 1}.${fraction}p${power < 0 ? "-" : "+"}${Math.abs(power)}`;
}
