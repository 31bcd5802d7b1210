// Axes and frames that the charts share; every number in them is text that a search finds.

const CHART = { width: 1120, height: 300, left: 76, right: 16, top: 14, bottom: 40 };

// A round step that gives at most so many ticks, of 1, 2 or 5 times a power of the base's unit.
function stepOf(most, ticks, base) {
  const unit = base ** Math.floor(Math.log(Math.max(most, 1)) / Math.log(base));
  const sizes = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].map((size) => size * unit);
  return sizes.find((size) => most / size <= ticks) || unit;
}

function linearTicks(most, ticks, base) {
  const step = stepOf(most, ticks, base), found = [];
  for (let at = 0; at <= most * 1.0001; at += step) found.push(at);
  return found;
}

function powersBetween(low, high) {
  const found = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * 1.0001; power += 1) found.push(10 ** power);
  return found;
}

function chart(label, parts, size = CHART) {
  return svg("svg", { class: "chart", viewBox: `0 0 ${size.width} ${size.height}`, role: "img", "aria-label": label }, parts);
}

const gridLine = (x1, y1, x2, y2) => svg("line", { class: "grid", x1, y1, x2, y2 });
const note = (x, y, words, attributes = {}) => svg("text", { x, y, ...attributes }, words);

function yAxis(ticks, place, written, size = CHART) {
  return ticks.map((tick) => [gridLine(size.left, place(tick), size.width - size.right, place(tick)),
    note(size.left - 8, place(tick) + 4, written(tick), { "text-anchor": "end", class: "tick" })]);
}

function xAxis(ticks, place, written, title, size = CHART) {
  const foot = size.height - size.bottom;
  return [ticks.map((tick) => note(place(tick), foot + 17, written(tick), { "text-anchor": "middle", class: "tick" })),
    note((size.left + size.width - size.right) / 2, size.height - 4, title, { "text-anchor": "middle", class: "tick" })];
}

// A chart is as wide as its text is legible: on a narrow screen it scrolls.
const framed = (label, picture) => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, picture);
