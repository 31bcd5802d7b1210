// Numbers as the other reports write them; integers are BigInt throughout, so that none is rounded before it is shown.

const UNKNOWN = "unknown";
const COUNTS = ["", " k", " M", " G", " T", " P", " E"];
const BYTES = [" B", " KiB", " MiB", " GiB", " TiB", " PiB"];
const big = (value) => (value === null ? null : BigInt(value));
const halfUp = (over, under) => (2n * over + under) / (2n * under);
const magnitude = (value) => (value < 0n ? -value : value);

function exact(value) {
  return value === null ? UNKNOWN : value.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

function scaled(value, base, units, decimals) {
  const size = magnitude(value), fraction = 10n ** BigInt(decimals);
  if (size < base) return `${value}${units[0]}`;
  let step = 1, found = halfUp(size * fraction, base);
  while (found >= base * fraction && step < units.length - 1) {
    step += 1;
    found = halfUp(size * fraction, base ** BigInt(step));
  }
  const rest = String(found % fraction).padStart(decimals, "0");
  return `${value < 0n ? "−" : ""}${found / fraction}.${rest}${units[step]}`;
}

const count = (value) => (value === null ? UNKNOWN : scaled(value, 1000n, COUNTS, 2));
const bytes = (value) => (value === null ? UNKNOWN : scaled(value, 1024n, BYTES, 1));

function share(part, whole) {
  if (part === null || !whole) return "";
  if (part === 0n) return "0 %";
  if (part === whole) return "100 %";
  const permille = halfUp(part * 1000n, whole);
  if (permille === 0n) return "<0.1 %";
  return permille === 1000n ? ">99.9 %" : `${permille / 10n}.${permille % 10n} %`;
}

// How much less or more, with its sign, in percent of what was there.
function changed(before, after) {
  if (before === null || after === null || before === after) return "";
  const part = share(magnitude(after - before), before);
  return part ? `${after < before ? "−" : "+"}${part}` : "";
}

function estimated(value, unit) {
  if (!value) return `0 ${unit}`;
  const [prefix, scale] = [["", 1], ["m", 1e-3], ["µ", 1e-6], ["n", 1e-9], ["p", 1e-12]].find(([, size]) => value >= size * 0.9999) ||
    ["p", 1e-12];
  return `${Number((value / scale).toPrecision(2))} ${prefix}${unit}`;
}

function fraction(part, whole) {
  if (!whole || !part) return part ? "" : "0 %";
  const percent = (100 * part) / whole;
  return percent < 0.1 ? "<0.1 %" : `${percent.toFixed(1)} %`;
}
