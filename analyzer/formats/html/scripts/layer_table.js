// The table of all modules: folded by block, sorted by a column, or narrowed to what a search finds.

const OPEN_AT_FIRST = 250, MOST_ROWS = 1000;

const TABLE_COLUMNS = [
  { key: "name", title: "Layer", order: (module) => module.path },
  { key: "kind", title: "Kind", order: kindText },
  { key: "outputs", title: "Output" },
  { key: "params", title: "Parameters", number: true },
  { key: "macs", title: "MACs", number: true },
  { key: "seconds", title: "Time, est.", number: true, optional: true },
  { key: "field", title: "Receptive field", order: fieldSize, optional: true },
  { key: "source", title: "Source", order: (module) => (module.row ? text(module.row.caller) + text(module.row.place) : "") },
];

function tableView(mount, model) {
  const shown = section(mount, "Layers", "Blocks include what is in them. A column's title sorts; a search looks at names, kinds, settings and files.");
  const { all } = model.modules, state = { model, all, open: new Set(), sort: null, query: "", most: MOST_ROWS, columns: columnsOf(model) };
  openUpTo(state, OPEN_AT_FIRST);
  state.body = el("tbody");
  state.heads = state.columns.map((column) => headOf(state, column));
  state.status = el("p", { class: "told", role: "status" });
  state.more = el("button", { type: "button", hidden: true, click: () => { state.most = Infinity; fill(state); } }, "Show all rows");
  const search = el("input", { type: "search", placeholder: "Search layers", "aria-label": "Search layers",
    input: () => { state.query = search.value.trim().toLowerCase(); state.most = MOST_ROWS; fill(state); } });
  const fold = el("button", { type: "button", click: () => { state.open.clear(); state.open.add(0); unsorted(state); } }, "Fold all");
  const unfold = el("button", { type: "button", click: () => { all.forEach((module) => state.open.add(module.index)); unsorted(state); } }, "Unfold all");
  const order = el("button", { type: "button", click: () => unsorted(state) }, "In execution order");
  shown.append(el("div", { class: "tools" }, search, fold, unfold, order), noteOf(model),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of layers" },
      el("table", { class: "layers" }, el("thead", {}, el("tr", {}, state.heads)), state.body)), state.status, state.more);
  fill(state);
}

function noteOf(model) {
  const { modules, shown } = model.layers;
  if (modules === shown) return "";
  return el("p", { class: "note" }, `This model has ${modules.toLocaleString("en")} modules. The page shows ${shown.toLocaleString("en")}: what lies deeper is added up in the rows above it.`);
}

function columnsOf(model) {
  const { all } = model.modules, has = { seconds: all.some((module) => module.own.seconds), field: all.some((module) => module.row && module.row.reach) };
  return TABLE_COLUMNS.filter((column) => !column.optional || has[column.key]);
}

// Blocks are open down to the depth at which so many rows stand below each other.
function openUpTo(state, most) {
  const deepest = Math.max(...state.all.map((module) => module.depth));
  let depth = 0;
  while (depth < deepest && state.all.filter((module) => module.depth <= depth + 1).length <= most) depth += 1;
  state.all.forEach((module) => module.depth < Math.max(depth, 1) && module.kids.length <= 4 * most && state.open.add(module.index));
}

function headOf(state, column) {
  if (!column.order && !column.number) return el("th", { scope: "col" }, column.title);
  const button = el("button", { type: "button", click: () => sortBy(state, column, head) }, column.title);
  const head = el("th", { scope: "col", class: column.number ? "number" : null, colspan: column.number && column.key !== "seconds" ? 2 : null }, button);
  return head;
}

function sortBy(state, column, head) {
  const falls = state.sort && state.sort.column === column ? !state.sort.falls : Boolean(column.number);
  state.sort = { column, falls };
  state.heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", falls ? "descending" : "ascending");
  fill(state);
}

function unsorted(state) {
  state.sort = null;
  state.heads.forEach((other) => other.removeAttribute("aria-sort"));
  fill(state);
}

const orderOf = (column) => column.order || ((module) => module.own[column.key] || 0);

function compared(one, other) {
  if (typeof one === "string") return one.localeCompare(other, "en", { numeric: true });
  return one < other ? -1 : one > other ? 1 : 0;
}

function isFound(module, query) {
  const { row } = module;
  return [module.path, ...(row ? [text(row.kind), text(row.settings), text(row.caller), text(row.place)] : [])].some((part) => part.toLowerCase().includes(query));
}

function rowsOf(state) {
  const { all, sort, query } = state;
  if (!sort && !query) {
    const rows = [];
    for (let at = 0; at < all.length; at = state.open.has(at) ? at + 1 : all[at].last) rows.push(all[at]);
    return rows.filter((module) => module.depth || owns(module));
  }
  const found = all.filter((module) => module.row && (query ? isFound(module, query) : owns(module)));
  if (!sort) return found;
  const order = orderOf(sort.column), sign = sort.falls ? -1 : 1;
  return found.map((module) => [order(module), module]).sort((a, b) => sign * compared(a[0], b[0])).map(([, module]) => module);
}

function fill(state) {
  const rows = rowsOf(state), isFlat = Boolean(state.sort || state.query);
  state.body.replaceChildren(...rows.slice(0, state.most).map((module) => rowFor(state, module, isFlat)));
  const cut = rows.length - state.most;
  state.more.hidden = cut <= 0;
  state.more.textContent = `Show ${cut > 0 ? exact(BigInt(cut)) : ""} more rows`;
  state.status.textContent = state.query ? `${exact(BigInt(rows.length))} found` : "";
}

function rowFor(state, module, isFlat) {
  const { row } = module, numbers = isFlat ? module.own : module.sum, whole = state.model.modules.root.sum;
  const isBlock = !isFlat && module.kids.length > 0;
  const cells = state.columns.map(({ key }) => {
    if (key === "name") return headCell(state, module, isFlat);
    if (key === "kind") return el("td", { title: row ? text(row.settings) : null }, kindText(module), row && row.inside > 1 ? ` with ${row.inside - 1} inside` : "");
    if (key === "outputs") return el("td", {}, row ? text(row.outputs) : "");
    if (key === "seconds") return el("td", { class: "number" }, numbers.seconds ? estimated(numbers.seconds, "s") : "");
    if (key === "field") return fieldCell(module, state.model);
    if (key === "source") return sourceCell(row);
    return [el("td", { class: numbers[key] ? "number" : "number zero" }, exact(numbers[key])),
      el("td", { class: "number part" }, numbers[key] ? share(numbers[key], whole[key]) : "")];
  });
  return el("tr", { class: isBlock ? "block" : null, "data-path": module.path }, cells);
}

// The user's own line where it has a library build the layer, then the library's; files by their names.
function sourceCell(row) {
  const places = row ? [text(row.caller), text(row.place)].filter(Boolean) : [];
  const names = places.map((place) => place.replace(/^.*[\\/]/, ""));
  return el("td", { class: "source", title: places.join(" in ") || null }, names[0] || "", names[1] ? el("span", { class: "part" }, ` ${names[1]}`) : "");
}

function headCell(state, module, isFlat) {
  const indent = isFlat ? "" : `d${Math.min(module.depth - 1, 6)}`, name = el("bdi", {}, isFlat ? nameOf(module) : module.name || nameOf(module));
  if (isFlat || !module.kids.length || !module.depth) return el("th", { scope: "row", class: indent }, isFlat ? "" : el("span", { class: "leaf" }), name);
  const isOpen = state.open.has(module.index);
  const button = el("button", { type: "button", class: "fold", "aria-expanded": String(isOpen), "aria-label": `${isOpen ? "Fold" : "Unfold"} ${module.path}`,
    "data-fold": module.index, click: () => toggle(state, module) }, isOpen ? "▾" : "▸");
  return el("th", { scope: "row", class: indent }, button, name);
}

function toggle(state, module) {
  if (!state.open.delete(module.index)) state.open.add(module.index);
  fill(state);
  state.body.querySelector(`[data-fold="${module.index}"]`).focus();
}

function sizesOf(place) {
  return place ? text(place).split("×").map(Number) : [];
}

function fieldSize(module) {
  if (!module.row || !module.row.reach) return -1;
  return module.row.field ? sizesOf(module.row.field).reduce((product, size) => product * size, 1) : Infinity;
}

function fieldCell(module, model) {
  const { row } = module;
  if (!row || !row.reach) return el("td");
  const said = row.field ? text(row.field) : row.reach && text(row.reach);
  return el("td", {}, fieldPicture(row, model), said, row.field && text(row.reach) === "unaligned" ? " unaligned" : "");
}

// The input as a frame, and in it what the middle position of the layer's output reads.
function fieldPicture(row, model) {
  const axes = sizesOf(row.field), input = (model.inputs[0] || []).slice(-Math.max(axes.length, 1));
  const known = axes.length ? axes : input, whole = input.length === known.length ? input : known;
  const shares = known.map((size, at) => Math.min(1, size / (whole[at] || size || 1)));
  const wide = 18 * (shares[shares.length - 1] ?? 1), high = 18 * (shares.length > 1 ? shares[shares.length - 2] : 1);
  return svg("svg", { class: "field", viewBox: "0 0 20 20", "aria-hidden": "true" },
    svg("rect", { class: "seen", x: 10 - wide / 2, y: 10 - high / 2, width: Math.max(wide, 0.8), height: Math.max(high, 0.8) }),
    svg("rect", { class: "plane", x: 0.5, y: 0.5, width: 19, height: 19 }));
}
