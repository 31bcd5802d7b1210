// Memory held along the depth, the blocks below it, and what is alive at the peak.

function memoryView(mount, model) {
  const { memory } = model;
  if (!memory) return;
  const shown = section(mount, "Memory along the depth",
    "The most that each layer holds while it runs, in execution order, estimated; inputs and weights are not included.");
  const values = memory.nbytes.map(Number), most = Math.max(...values, 1), size = CHART;
  const x = (at) => size.left + ((size.width - size.left - size.right) * at) / values.length;
  const y = (value) => size.height - size.bottom - ((size.height - size.top - size.bottom) * value) / (most * 1.06);
  const told = el("p", { class: "told", role: "status" });
  const tellPoint = (at) => told.replaceChildren(el("b", {}, text(memory.paths[at]) || "the model itself"), ` ${bytes(BigInt(memory.nbytes[at]))}`);
  const peak = values.indexOf(Math.max(...values));
  const picture = chart(`Memory of activations along the depth: the peak is ${bytes(BigInt(memory.peak))} in ${text(memory.layer) || "the model itself"}`, [
    yAxis(linearTicks(most, 5, 1024), y, (tick) => bytes(BigInt(Math.round(tick)))), svg("path", { class: "area", d: areaOf(values, x, y) }),
    svg("circle", { class: "peak", cx: x(peak + 0.5), cy: y(values[peak]), r: 4 }), blocksBelow(memory, x)]);
  picture.addEventListener("mousemove", (event) => {
    const box = picture.getBoundingClientRect(), at = ((event.clientX - box.left) / box.width) * size.width;
    const found = Math.floor(((at - size.left) / (size.width - size.left - size.right)) * values.length);
    if (found >= 0 && found < values.length) tellPoint(found);
  });
  tellPoint(peak);
  shown.append(framed("Chart of memory", picture), told, aliveTable(memory));
}

function areaOf(values, x, y) {
  const steps = values.map((value, at) => `L${x(at).toFixed(1)},${y(value).toFixed(1)}H${x(at + 1).toFixed(1)}`);
  return `M${x(0)},${y(0)}${steps.join("")}L${x(values.length)},${y(0)}Z`;
}

// Runs of points below one outer block, named where there is room.
function blocksBelow(memory, x) {
  const depth = depthOf(memory.paths.map(text)), foot = CHART.height - CHART.bottom, parts = [];
  const names = memory.paths.map((place) => text(place).split(".").slice(0, depth).join("."));
  for (let start = 0, end = 0; start < names.length; start = end) {
    while (end < names.length && names[end] === names[start]) end += 1;
    const wide = x(end) - x(start);
    parts.push(gridLine(x(start), foot, x(start), foot + 6));
    if (wide > 6.5 * names[start].length + 6) parts.push(note(x(start) + wide / 2, foot + 18, names[start], { "text-anchor": "middle", class: "tick" }));
  }
  return parts;
}

// One level deeper while a single block spans more than half of the depth.
function depthOf(paths) {
  for (let depth = 1; depth < 5; depth += 1) {
    const sizes = new Map();
    for (const path of paths) {
      const name = path.split(".").slice(0, depth).join(".");
      sizes.set(name, (sizes.get(name) || 0) + 1);
    }
    if (Math.max(...sizes.values()) * 2 <= paths.length) return depth;
  }
  return 5;
}

function aliveTable(memory) {
  if (!memory.alive.length) return null;
  const whole = BigInt(memory.peak), rows = memory.alive.map((one) => [text(one.path) || "the model itself", text(one.operator), BigInt(one.nbytes)]);
  if (memory.more) rows.push([`${memory.more} more`, "", BigInt(memory.rest)]);
  if (BigInt(memory.workspace)) rows.push(["workspace of the kernel", "", BigInt(memory.workspace)]);
  return el("table", { class: "alive" }, el("caption", {}, `Alive at the peak of ${bytes(whole)}, in ${text(memory.layer) || "the model itself"}`),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Made by"), el("th", { scope: "col" }, "Operator"),
      el("th", { scope: "col", class: "number" }, "Bytes"), el("th", { scope: "col", class: "number" }, "Share"))),
    el("tbody", {}, rows.map(([path, operator, nbytes]) => el("tr", {}, el("th", { scope: "row", class: "code" }, path), el("td", { class: "code" }, operator),
      el("td", { class: "number" }, exact(nbytes)), el("td", { class: "number part" }, share(nbytes, whole))))));
}
