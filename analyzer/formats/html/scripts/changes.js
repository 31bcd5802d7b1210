// This model beside another one, or beside its base: both as maps, coloured by what happened, and the list of changes.

const STATUS = { added: "Added", removed: "Removed", grown: "Grown", shrunk: "Shrunk", altered: "Changed, of the same size", moved: "Moved or renamed", same: "Unchanged" };
const FIRST_CHANGES = 40;

function changesView(mount, model) {
  const { changes } = model;
  if (!changes) return;
  const base = text(changes.base), shown = section(mount, `What changed since ${base}`,
    `${changes.layers.length} layers differ and ${changes.unchanged} are as they were; a layer that was only renamed is matched. Both maps are of one scale.`);
  const state = { model, changes, told: el("p", { class: "told", role: "status" }), place: el("div"), legend: el("div") };
  const redraw = (measure) => drawSides(state, base, measure);
  shown.append(el("div", { class: "tools" }, oneOf("Size", [["params", "Parameters"], ["macs", "MACs"]], "params", redraw)),
    state.place, state.told, state.legend, listOfChanges(changes));
  redraw("params");
}

// What happened to a layer in one measure: its numbers before and after decide.
function statusOf(change, measure) {
  if (!change) return "same";
  if (change.status === "added" || change.status === "removed") return change.status;
  const [before, after] = change[measure].map(big);
  if (before !== null && after !== null && before !== after) return after > before ? "grown" : "shrunk";
  return change.status === "moved" ? "moved" : "altered";
}

function drawSides(state, base, measure) {
  const before = sideOf(state, measure, true), after = sideOf(state, measure, false);
  const most = Math.max(Number(before.sum[measure]), Number(after.sum[measure]), 1);
  const sides = [[base, before], [text(state.model.name), after]].map(([title, root]) => {
    const side = { ...state, root, focus: root, measure, colour: "status" };
    const height = Math.max(90, (420 * Number(root.sum[measure])) / most), cells = root.sum[measure] ? treemapOf(side, 550, height) : [];
    side.cells = cells.map((node) => cellOf(side, node));
    if (side.cells.length) side.cells[0].setAttribute("tabindex", "0");
    return el("div", {}, el("h3", {}, el("bdi", {}, title), el("span", { class: "sum" }, ` ${count(root.sum[measure])} ${MEASURES[measure].noun}`)),
      svg("svg", { class: "map", viewBox: `0 0 550 ${height.toFixed(0)}`, role: "group", "aria-label": `${title} by ${MEASURES[measure].noun}` }, side.cells));
  });
  state.place.replaceChildren(el("div", { class: "sides" }, sides));
  const found = new Set(state.changes.layers.map((change) => statusOf(change, measure)));
  state.legend.replaceChildren(legendOf(Object.entries(STATUS).filter(([name]) => name === "same" || found.has(name))));
}

// The modules of one side with what they own in it; those of the base are told by what changed since.
function sideOf(state, measure, isBefore) {
  const { model, changes } = state, byPath = new Map(changes.layers.filter((change) => change.status !== "removed").map((change) => [text(change.path), change]));
  const root = sideModule("", null), known = new Map([["", root]]);
  const moved = changes.layers.filter((change) => change.was).map((change) => [text(change.path), text(change.was)]);
  for (const module of model.modules.all) {
    const own = byPath.get(module.path), deeper = deeperChanges(changes, module);
    const before = own ? big(own[measure][0]) : less(module.own[measure], deeper, measure);
    const value = isBefore ? before : module.own[measure];
    if (!module.row || !value || (isBefore && own && own.status === "added")) continue;
    const path = isBefore ? wasOf(module.path, moved) : module.path;
    placed(path, known, value, deeper.length ? netStatus(deeper, measure) : statusOf(own, measure), own, measure);
  }
  for (const change of changes.layers) {
    const value = big(change[measure][0]);
    if (isBefore && change.status === "removed" && value) placed(text(change.path), known, value, "removed", change, measure);
  }
  summed(root);
  return root;
}

// Of a row that stands for a whole block, what changed within the block.
function deeperChanges(changes, module) {
  if (!module.row || !module.row.inside) return [];
  return changes.layers.filter((change) => text(change.path).startsWith(`${module.path}.`));
}

const grownBy = (changes, measure) => changes.reduce((sum, change) => sum + (big(change[measure][1]) || 0n) - (big(change[measure][0]) || 0n), 0n);
const less = (value, changes, measure) => (value === null ? null : value - grownBy(changes, measure));

function netStatus(changes, measure) {
  const net = grownBy(changes, measure);
  return net > 0n ? "grown" : net < 0n ? "shrunk" : "altered";
}

function wasOf(path, moved) {
  let best = null;
  for (const [now, was] of moved)
    if ((path === now || path.startsWith(`${now}.`)) && (!best || now.length > best[0].length)) best = [now, was];
  return best ? best[1] + path.slice(best[0].length) : path;
}

const sideModule = (path, parent) => ({ name: path.split(".").at(-1), path, parent, kids: [], row: null, own: { params: 0n, macs: 0n }, sum: { params: 0n, macs: 0n }, status: "same" });

function placed(path, known, value, status, change, measure) {
  let module = known.get("");
  const parts = path ? path.split(".") : [];
  parts.forEach((_, at) => {
    const below = parts.slice(0, at + 1).join(".");
    if (!known.has(below)) {
      known.set(below, sideModule(below, module));
      module.kids.push(known.get(below));
    }
    module = known.get(below);
  });
  Object.assign(module, { status, change });
  module.own[measure] += value;
}

function summed(module) {
  module.sum = module.kids.reduce((sum, kid) => {
    const own = summed(kid);
    return { params: sum.params + own.params, macs: sum.macs + own.macs };
  }, module.own);
  return module.sum;
}

function tellChange(state, module) {
  const { change, status } = module, { noun } = MEASURES[state.measure];
  const values = change ? change[state.measure].map((value) => exact(big(value))).join(" to ") : exact(module.sum[state.measure]);
  const said = module.kids.length ? "" : ` ${change ? text(change.said) : STATUS[status].toLowerCase()} ·`;
  state.told.replaceChildren(el("b", {}, nameOf(module)), `${said} ${values} ${noun}`);
}

function listOfChanges(changes) {
  if (!changes.layers.length) return el("p", {}, "No layer differs.");
  const body = el("tbody", {}, changes.layers.slice(0, FIRST_CHANGES).map(changeRow)), rest = changes.layers.slice(FIRST_CHANGES);
  const more = rest.length ? el("button", { type: "button", click: () => {
    body.append(...rest.map(changeRow));
    more.remove();
  } }, `Show ${rest.length} more changes`) : null;
  const heads = [["Layer"], ["What happened"], ["Parameters", "number"], ["MACs", "number"], ["Source"]];
  return el("div", {}, el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of changed layers" },
    el("table", { class: "changed" }, el("thead", {}, el("tr", {}, heads.map(([title, kind]) => el("th", { scope: "col", class: kind }, title)))), body)),
    more ? el("p", {}, more) : null);
}

function changeRow(change) {
  const sign = svg("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("rect", { class: statusOf(change, "params"), width: 10, height: 10 }));
  const place = text(change.place);
  return el("tr", { "data-path": text(change.path), "data-status": change.status },
    el("th", { scope: "row", class: "code" }, sign, text(change.path) || "the model itself"), el("td", {}, text(change.said)),
    ["params", "macs"].map((key) => el("td", { class: "number" }, signed(...change[key].map(big)))),
    el("td", { class: "source", title: place || null }, place.replace(/^.*[\\/]/, "")));
}

function signed(before, after) {
  if (before === null || after === null) return UNKNOWN;
  const by = after - before;
  return by === 0n ? "" : `${by > 0n ? "+" : "−"}${exact(magnitude(by))}`;
}
