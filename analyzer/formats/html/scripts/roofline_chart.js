// The roofline: what each layer's ratio of arithmetic to bytes lets the device reach, and where the time goes.

const NAMED = 6;

function rooflineView(mount, model) {
  const { roof } = model;
  const layers = model.modules.all.filter(({ row }) => row && Number(row.flops) > 0 && Number(row.bytes) > 0 && row.seconds > 0);
  if (!roof || layers.length < 2) return;
  const shown = section(mount, `Roofline on ${model.device}`,
    "Left of the bend a layer waits for memory, right of it for arithmetic. A circle's area is the layer's share of the estimated time.");
  const size = { ...CHART, height: 360, left: 96 }, ridge = roof.peak / roof.bandwidth;
  const points = layers.map((module) => ({ module, at: Number(module.row.flops) / Number(module.row.bytes), seconds: module.row.seconds }));
  const low = Math.min(...points.map((point) => point.at), ridge) / 2, high = Math.max(...points.map((point) => point.at), ridge) * 2;
  const reach = (at) => Math.min(roof.peak, at * roof.bandwidth), bottom = reach(low) / 2, top = roof.peak * 2;
  const x = (at) => size.left + ((size.width - size.left - size.right) * Math.log(at / low)) / Math.log(high / low);
  const y = (rate) => size.height - size.bottom - ((size.height - size.top - size.bottom) * Math.log(rate / bottom)) / Math.log(top / bottom);
  const whole = points.reduce((sum, point) => sum + point.seconds, 0);
  const told = el("p", { class: "told", role: "status" });
  points.sort((one, other) => other.seconds - one.seconds);
  const circles = points.map((point) => circleOf(point, x(point.at), y(reach(point.at)), whole, () => tellPoint(told, point, whole)));
  const kinds = new Set(points.map(({ module }) => kindOf(kindText(module))));
  shown.append(framed("Chart of the roofline", chart(rooflineSaid(points, whole, ridge), [
    yAxis(powersBetween(bottom, top), y, (rate) => `${si(rate)}FLOP/s`, size),
    xAxis(powersBetween(low, high), x, (at) => (at >= 1 ? exact(BigInt(Math.round(at))) : String(Number(at.toPrecision(1)))), "FLOPs per byte moved", size),
    svg("path", { class: "roof", d: `M${x(low)},${y(reach(low))}L${x(ridge)},${y(roof.peak)}H${x(high)}` }), circles, namesOf(points, x, y, reach, size)], size)),
    told, legendOf([...KINDS, ["other", "Other"]].filter(([name]) => kinds.has(name))));
  tellPoint(told, points[0], whole);
}

function si(value) {
  const [prefix, scale] = [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3], ["", 1]].find(([, unit]) => value >= unit * 0.999) || ["", 1];
  return `${Number((value / scale).toPrecision(3))} ${prefix}`;
}

function circleOf(point, cx, cy, whole, tellIt) {
  const r = Math.max(2.5, 46 * Math.sqrt(point.seconds / whole));
  return svg("circle", { class: `dot ${kindOf(kindText(point.module))}`, cx: cx.toFixed(1), cy: cy.toFixed(1), r: r.toFixed(1), "data-path": point.module.path, mouseenter: tellIt },
    svg("title", {}, `${nameOf(point.module)}: ${Number(point.at.toPrecision(3))} FLOPs per byte`));
}

function tellPoint(told, { module, at, seconds }, whole) {
  told.replaceChildren(el("b", {}, nameOf(module)), ` ${kindText(module)} · ${Number(at.toPrecision(3))} FLOPs per byte · about ${estimated(seconds, "s")}, ${fraction(seconds, whole)} of the time`);
}

// The layers that take most time, named beside their circles where no other name stands.
function namesOf(points, x, y, reach, size) {
  const placed = [], labels = [];
  for (const point of points) {
    const name = nameOf(point.module), wide = 6.6 * name.length, px = x(point.at), py = y(reach(point.at)) + 22 + 8 * (labels.length % 2);
    const left = Math.min(Math.max(px - wide / 2, size.left + 4), size.width - size.right - wide);
    if (placed.some(([from, to, at]) => left < to && left + wide > from && Math.abs(py - at) < 15)) continue;
    placed.push([left, left + wide, py]);
    labels.push(note(left, py, name));
    if (labels.length === NAMED) break;
  }
  return labels;
}

function rooflineSaid(points, whole, ridge) {
  const waiting = points.filter((point) => point.at < ridge).reduce((sum, point) => sum + point.seconds, 0);
  const first = points.slice(0, 3).map((point) => nameOf(point.module)).join(", ");
  return `Roofline of ${points.length} layers: ${fraction(waiting, whole)} of their time is in layers that wait for memory; most time goes to ${first}`;
}
