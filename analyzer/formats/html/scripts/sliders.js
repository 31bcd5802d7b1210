// Sliders: sizes of the inputs along exact formulas, and the plans of a fit.

const POSITIONS = 240;
const METRICS = { macs: "MACs", params: "parameters", size: "bytes of parameters", "peak-memory": "peak memory", latency: "estimated nanoseconds" };

// The steps that a slider stops at: all where they are few, else ever larger ones.
function stopsOf({ first, last, start, offset, period }) {
  const steps = new Set([start]), size = (step) => offset + period * step;
  if (last - first < POSITIONS) for (let step = first; step <= last; step += 1) steps.add(step);
  else for (let at = 0; at <= POSITIONS; at += 1) {
    const wanted = size(first) * (size(last) / size(first)) ** (at / POSITIONS);
    steps.add(Math.min(last, Math.max(first, Math.round((wanted - offset) / period))));
  }
  return [...steps].sort((one, other) => one - other);
}

function valueAt(formula, steps) {
  const sum = formula.terms.reduce((whole, [coefficient, ...powers]) =>
    whole + powers.reduce((product, power, at) => product * BigInt(steps[at]) ** BigInt(power), BigInt(coefficient)), 0n);
  return sum / BigInt(formula.denominator);
}

function sizesView(mount, model) {
  const { sizes } = model;
  if (!sizes || !sizes.sliders.length) return;
  const shown = section(mount, "At other sizes", "Every size of the inputs that can change has a slider; the totals are exact, by formulas that new traces were held to.");
  const steps = sizes.sliders.map((slider) => slider.start), body = el("tbody"), command = el("pre", { class: "line" });
  const update = () => {
    body.replaceChildren(...sizeRows(sizes, steps));
    const at = sizes.sliders.map((slider, place) => `${slider.name}=${slider.offset + slider.period * steps[place]}`);
    command.textContent = model.command.length ? [...model.command.map(quoted), "--symbolic", ...at.map((size) => `--at ${size}`)].join(" ") : `analysis.at(${at.join(", ")})`;
  };
  shown.append(el("div", { class: "dials" }, sizes.sliders.map((slider, place) => dialOf(slider, (step) => { steps[place] = step; update(); }))),
    el("table", { class: "totals-at" }, el("thead", {}, el("tr", {}, ["Total", "", "Exact", "Formula"].map((title, at) =>
      title ? el("th", { scope: "col", class: at === 2 ? "number" : null }, title) : el("td", {})))), body), command,
    sizes.remarks.length ? el("ul", { class: "points" }, sizes.remarks.map((place) => el("li", {}, text(place)))) : null);
  update();
}

function sizeRows(sizes, steps) {
  const macs = sizes.macs && valueAt(sizes.macs, steps), peaks = sizes.peaks.map((formula) => valueAt(formula, steps));
  const peak = peaks.length ? peaks.reduce((most, value) => (value > most ? value : most)) : null;
  const values = [["macs", "MACs", macs, count], ["other", "Other FLOPs", sizes.other && valueAt(sizes.other, steps), count],
    ["elements", "Elements of activations", sizes.elements && valueAt(sizes.elements, steps), count], ["peak", "Peak bytes of activations", peak, bytes]];
  const formulas = new Map(sizes.formulas.map(([title, formula]) => [text(title).toLowerCase(), text(formula)]));
  const formulaOf = (title) => [...formulas].find(([name]) => name.startsWith(title.toLowerCase()) || title.toLowerCase().startsWith(name));
  return values.filter(([, , value]) => value !== null).map(([key, title, value, written]) => el("tr", { "data-at": key, "data-exact": String(value) },
    el("th", { scope: "row" }, title), el("td", { class: "number after" }, written(value)), el("td", { class: "number" }, exact(value)),
    el("td", { class: "code" }, (formulaOf(title) || ["", ""])[1])));
}

// A slider with a field for the exact size; both stay on the sizes that the formulas hold at.
function dialOf(slider, take) {
  const stops = stopsOf(slider), size = (step) => slider.offset + slider.period * step, id = `dial-${document.querySelectorAll(".dial").length}-${slider.name}`;
  const range = el("input", { type: "range", id, min: 0, max: stops.length - 1, value: stops.indexOf(slider.start), input: () => set(stops[Number(range.value)]) });
  const field = el("input", { type: "number", "aria-label": `${slider.name}, exactly`, min: size(slider.first), max: size(slider.last), step: slider.period, value: size(slider.start),
    change: () => set(Math.min(slider.last, Math.max(slider.first, Math.round((Number(field.value) - slider.offset) / slider.period)))) });
  function set(step) {
    field.value = size(step);
    range.value = stops.findIndex((stop) => stop >= step);
    range.setAttribute("aria-valuetext", `${slider.name} ${size(step)}`);
    take(step);
  }
  return el("div", { class: "dial" }, el("label", { for: id }, slider.name), range, field,
    el("span", { class: "part" }, `${exact(BigInt(size(slider.first)))} to ${exact(BigInt(size(slider.last)))}${slider.period > 1 ? ` by ${slider.period}` : ""}`));
}

function tradeOffView(mount, model) {
  const { fit } = model;
  if (!fit) return;
  const left = METRICS[fit.metric] || fit.metric;
  const shown = section(mount, "Fitted to budgets", `The best plan for every amount of ${left} that may be left, by its predicted ${fit.measure}. This model was ${text(fit.headline)}.`);
  const told = el("p", { class: "told", role: "status" }), command = el("pre", { class: "line" }), mark = svg("circle", { class: "peak", r: 5 });
  const places = tradeOffPlaces(fit), last = fit.plans.length - 1;
  const start = fit.plans.findIndex((plan) => BigInt(plan.value) <= BigInt(fit.chosen));
  const range = el("input", { type: "range", id: `plan-${mount.dataset.views}`, min: 0, max: last, value: start < 0 ? last : start, input: () => set(Number(range.value)) });
  function set(at) {
    const plan = fit.plans[at], [x, y] = places.points[at], said = `${exact(big(plan.value))} ${left} left, ${(100 * plan.share).toFixed(0)} %`;
    mark.setAttribute("cx", x);
    mark.setAttribute("cy", y);
    range.setAttribute("aria-valuetext", said);
    told.replaceChildren(el("b", {}, said), ` ${plan.layers} layers changed · ${exact(big(plan.params))} parameters · ${exact(big(plan.macs))} MACs · predicted harm ${Number(plan.harm.toPrecision(2))}${plan.is_knee ? " · the knee: beyond it harm grows faster" : ""}`);
    command.textContent = model.command.length ? [...model.command.map(quoted), "--fit", `${fit.metric}=${plan.value}`].join(" ")
      : `analyzer.fit(model, inputs, ${fit.metric.replace("-", "_")}=${plan.value})`;
  }
  shown.append(framed("Chart of the trade-off", chart(`Predicted ${fit.measure} of ${fit.plans.length} plans`, [places.axes,
    svg("path", { class: "curve", d: `M${places.points.map((point) => point.join(",")).join("L")}` }), mark])),
    el("div", { class: "dial wide" }, el("label", { for: range.id }, "Plan"), range), told, command,
    model.command.length && el("p", { class: "intro" }, "The command takes this report's other options as well, such as --calibrate."), fittedLayers(fit),
    el("ul", { class: "points" }, fit.remarks.map((place) => el("li", {}, text(place)))));
  set(Number(range.value));
}

// Shares from the left, all of it, to the right; harms on a logarithmic axis, none of it at the foot.
function tradeOffPlaces(fit) {
  const size = CHART, harms = fit.plans.map((plan) => plan.harm).filter((harm) => harm > 0), low = Math.min(...harms, 1) / 2, high = Math.max(...harms, low * 4) * 1.5;
  const shares = fit.plans.map((plan) => plan.share), from = Math.max(...shares), to = Math.min(...shares);
  const x = (share) => size.left + ((size.width - size.left - size.right) * (from - share)) / (from - to || 1);
  const y = (harm) => size.height - size.bottom - ((size.height - size.top - size.bottom) * Math.log(Math.max(harm, low) / low)) / Math.log(high / low);
  const ticks = linearTicks(100, 10, 10).map((tick) => tick / 100).filter((share) => share <= from && share >= to);
  return { points: fit.plans.map((plan) => [x(plan.share).toFixed(1), y(plan.harm).toFixed(1)]),
    axes: [yAxis(powersBetween(low, high), y, (harm) => String(Number(harm.toPrecision(1)))), xAxis(ticks, x, (share) => `${Math.round(100 * share)} %`, `of ${METRICS[fit.metric] || fit.metric} left`)] };
}

function fittedLayers(fit) {
  const heads = [["Layer"], ["Now"], ["Parameters saved", "number"], ["MACs saved", "number"], ["Predicted harm", "number"]];
  const rows = fit.rows.map(([path, label, params, macs, harm]) => el("tr", {}, el("th", { scope: "row", class: "code" }, text(path)), el("td", {}, text(label)),
    [exact(big(params)), exact(big(macs)), String(Number(harm.toPrecision(2)))].map((cell) => el("td", { class: "number" }, cell))));
  return rows.length ? el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of fitted layers" }, el("table", {},
    el("caption", {}, "What was done to each layer"), el("thead", {}, el("tr", {}, heads.map(([title, kind]) => el("th", { scope: "col", class: kind }, title)))), el("tbody", {}, rows))) : null;
}
