// The map: modules as areas within their blocks, by what they take; one block at a time can be looked into.

const BOUNDS = [["compute", "Arithmetic takes most of its time"], ["memory", "Memory does"], ["overhead", "Starting it does"]];
const WIDE = 1120, HIGH = 460, LINE = 17, LEAST = 3;

function mapView(mount, model) {
  const { root } = model.modules;
  const measures = Object.keys(MEASURES).filter((key) => root.sum[key] && (root.sum[key] !== null));
  if (!measures.length || !root.kids.length) return;
  const shown = section(mount, "Where it goes", "Areas are shares of the whole. Click a block to look into it; with the keyboard, arrows walk, Enter looks into a block and Escape goes back out.");
  const state = { model, root, focus: root, measure: measures[0], colour: "kind", shape: "treemap" };
  state.crumbs = el("nav", { class: "crumbs", "aria-label": "Block" });
  state.told = el("p", { class: "told", role: "status" });
  state.place = el("div");
  state.legend = el("div");
  const redraw = (key) => (value) => { state[key] = value; drawMap(state); };
  const titles = { params: "Parameters", macs: "MACs", activations: "Activations", seconds: "Time", joules: "Energy" };
  const tools = [oneOf("Size", measures.map((key) => [key, titles[key]]), state.measure, redraw("measure")),
    oneOf("Shape", [["treemap", "Treemap"], ["icicle", "Icicle"]], state.shape, redraw("shape"))];
  if (model.device) tools.push(oneOf("Colour", [["kind", "Kind"], ["bound", `Bound on ${model.device}`]], state.colour, redraw("colour")));
  shown.append(el("div", { class: "tools" }, tools), state.crumbs, state.place, state.told, state.legend);
  state.narrow = state.place.clientWidth && state.place.clientWidth < 620;
  new ResizeObserver(() => {
    const narrow = state.place.clientWidth < 620;
    if (narrow !== state.narrow) { state.narrow = narrow; drawMap(state); }
  }).observe(state.place);
  drawMap(state);
}

function drawMap(state) {
  const width = state.narrow ? 380 : WIDE, height = state.narrow ? 420 : HIGH;
  const layout = state.shape === "treemap" ? treemapOf(state, width, height) : icicleOf(state, width, height);
  const picture = svg("svg", { class: "map", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${nameOf(state.focus)} by ${MEASURES[state.measure].title.toLowerCase()}` },
    layout.map((node) => cellOf(state, node)));
  const cells = [...picture.querySelectorAll(".cell")];
  if (cells.length) cells[0].setAttribute("tabindex", "0");
  state.place.replaceChildren(picture);
  state.cells = cells;
  drawCrumbs(state);
  tell(state, state.focus);
  const colours = new Set(layout.map((node) => fillOf(state, node).split(" ")[0]));
  const titled = state.colour === "kind" ? [...KINDS, ["other", "Other"]] : BOUNDS;
  state.legend.replaceChildren(legendOf(titled.filter(([name]) => colours.has(name))));
}

// What a block owns itself, such as the weights of an attention, is an area among those of its children.
function partsOf(module, measure) {
  if (!module.kids.length || !module.own[measure]) return module.kids;
  return [...module.kids, { ...module, name: "itself", kids: [], sum: module.own, isOwn: true }];
}

function hierarchyOf(state) {
  const { measure } = state, number = (module) => (module.kids.length ? 0 : Math.max(0, Number(module.own[measure] || 0)));
  return d3.hierarchy(state.focus, (module) => partsOf(module, measure)).sum(number);
}

function treemapOf(state, width, height) {
  const root = hierarchyOf(state).sort((a, b) => b.value - a.value);
  const roomy = (node) => node.depth > 0 && node.children && node.x1 - node.x0 > 44 && node.y1 - node.y0 > 34;
  d3.treemap().size([width, height]).paddingInner(2).paddingTop((node) => (roomy(node) ? LINE + 1 : node.depth ? 1 : 0))
    .paddingRight((node) => (roomy(node) ? 3 : 0)).paddingBottom((node) => (roomy(node) ? 3 : 0)).paddingLeft((node) => (roomy(node) ? 3 : 0))(root);
  return root.descendants().filter((node) => node.depth && node.x1 - node.x0 >= LEAST && node.y1 - node.y0 >= LEAST)
    .map((node) => ({ module: node.data, x: node.x0, y: node.y0, width: node.x1 - node.x0, height: node.y1 - node.y0, value: node.value, isGroup: Boolean(node.children) }));
}

function icicleOf(state, width, height) {
  const root = hierarchyOf(state), columns = Math.min(root.height + 1, state.narrow ? 3 : 5), wide = width / columns;
  d3.partition().size([height, root.height + 1])(root);
  return root.descendants().filter((node) => node.depth < columns && node.x1 - node.x0 >= LEAST)
    .map((node) => ({ module: node.data, x: node.depth * wide, y: node.x0, width: wide - 2, height: node.x1 - node.x0 - 1, value: node.value, isGroup: Boolean(node.children), isIcicle: true }));
}

function colourOf(state, module) {
  if (state.colour === "status") return module.status;
  if (state.colour === "kind") return kindOf(kindText(module));
  return (module.row && text(module.row.bound)) || "overhead";
}

// A block of an icicle has the colour of what takes most in it, lighter.
function mainPart(state, module) {
  const sums = new Map(), all = state.model.modules.all.slice(module.index, module.last);
  for (const one of all) if (one.own[state.measure]) sums.set(colourOf(state, one), (sums.get(colourOf(state, one)) || 0) + Number(one.own[state.measure]));
  return [...sums].reduce((most, entry) => (entry[1] > most[1] ? entry : most), ["group", 0])[0];
}

function fillOf(state, { module, isGroup, isIcicle }) {
  if (!isGroup) return colourOf(state, module);
  return isIcicle ? `${mainPart(state, module)} tint` : "group";
}

function cellOf(state, node) {
  const { module, x, y, width, height, isGroup } = node;
  const fill = fillOf(state, node), said = described(state, module);
  const label = node.isIcicle || isGroup || height > 14 ? labelOf(state, node) : null;
  return svg("g", { class: "cell", role: "button", tabindex: "-1", "aria-label": said, transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`, "data-path": module.path,
    click: () => enter(state, module), keydown: (event) => walk(state, event, module), focus: () => tell(state, module), mouseenter: () => tell(state, module) },
    svg("rect", { class: fill, width: Math.max(width, 0).toFixed(1), height: Math.max(height, 0).toFixed(1), rx: 2 }), label);
}

function labelOf(state, node) {
  const { module, width, height } = node, room = Math.floor((width - 8) / 6.7);
  if (room < 3 || height < 13) return null;
  const name = module.name || text(state.model.name), part = partOf(state, module);
  const full = part && name.length + part.length + 2 <= room ? `${name}  ${part}` : name;
  const shownText = full.length <= room ? full : `${full.slice(0, room - 1)}…`;
  const lines = [svg("text", { x: 5, y: Math.min(13, height / 2 + 4) }, shownText)];
  const kind = kindText(module);
  if (!node.isGroup && height > 34 && kind.length <= room) lines.push(svg("text", { x: 5, y: 28, class: "kind" }, kind));
  return lines;
}

function partOf(state, module) {
  const measure = MEASURES[state.measure];
  return measure.share(module.sum[state.measure], state.root.sum[state.measure]);
}

function described(state, module) {
  if (state.colour === "status") return `${nameOf(module)}: ${module.kids.length ? "block" : STATUS[module.status]}, ${partOf(state, module)}`;
  const measure = MEASURES[state.measure], value = module.sum[state.measure];
  return [`${nameOf(module)}: ${kindText(module)}`.replace(/: $/, ""), value === null ? UNKNOWN : `${measure.text(value)} ${measure.noun}`, partOf(state, module)].filter(Boolean).join(", ");
}

function tell(state, module) {
  if (state.colour === "status") return tellChange(state, module);
  const { row } = module, parts = [kindText(module), `${exact(module.sum.params)} parameters`, `${exact(module.sum.macs)} MACs`];
  if (module.sum.activations) parts.push(`${bytes(module.sum.activations)} of activations`);
  if (module.sum.seconds) parts.push(`about ${estimated(module.sum.seconds, "s")}`);
  if (row && row.place) parts.push(text(row.place));
  state.told.replaceChildren(el("b", {}, el("bdi", {}, module.path || text(state.model.name))), ` ${parts.filter(Boolean).join(" · ")}`);
}

function drawCrumbs(state) {
  const line = [];
  for (let module = state.focus; module; module = module.parent) line.unshift(module);
  state.crumbs.replaceChildren(...line.flatMap((module, at) => [at ? "›" : "",
    el("button", { type: "button", "aria-current": module === state.focus ? "true" : null, click: () => enter(state, module) }, module.name || text(state.model.name))]).filter(Boolean));
}

function enter(state, module) {
  if (!module.kids.length || state.colour === "status") return;
  state.focus = module;
  drawMap(state);
  if (state.cells.length && document.activeElement === document.body) state.cells[0].focus();
}

function walk(state, event, module) {
  const at = state.cells.indexOf(event.currentTarget);
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  if (event.key === "Enter" || event.key === " ") enter(state, module);
  else if (event.key === "Escape" && state.focus.parent) { enter(state, state.focus.parent); state.cells[0].focus(); }
  else if (steps[event.key]) {
    const next = state.cells[(at + steps[event.key] + state.cells.length) % state.cells.length];
    event.currentTarget.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  } else return;
  event.preventDefault();
}
