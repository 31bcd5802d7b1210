// The advice as check boxes: any set that can be made together, its exact totals, and the command that makes it.

const STEPS = [
  ["free", "Free: the output stays as it is"],
  ["retrain", "To be retrained: these change what the model computes"],
  ["inference", "For inference, once training is over"],
];
const FIRST_SHOWN = 10;

// Ways numbered through all suggestions, as the exclusions refer to them, and what each excludes.
function waysOf(model) {
  const ways = [];
  model.advice.items.forEach((item, at) => item.ways.forEach((way, place) =>
    ways.push({ number: ways.length, at, place, item, label: text(way.label), choice: text(way.choice),
      params: BigInt(way.params), macs: BigInt(way.macs), way, against: new Set() })));
  for (const row of model.advice.rows)
    for (const one of row) for (const other of row) if (one !== other) ways[one].against.add(other);
  return ways;
}

function suggestionsView(mount, model, number) {
  if (!model.advice.items.length) return;
  const shown = section(mount, "What to do",
    "Tick what you would change: the totals follow exactly, and the command below them makes the same changes.");
  shown.classList.add("suggestions");
  const state = { model, number, ways: waysOf(model), ticked: new Map(), boxes: new Map(), chosen: new Map(), own: new Map() };
  for (const way of state.ways) state.own.set(way.at, [...(state.own.get(way.at) || []), way]);
  for (const [at, ways] of state.own) state.chosen.set(at, ways[0]);
  state.bill = billOf(state);
  const lists = el("div", {}, STEPS.map(([step, title]) => listOf(state, step, title)), factsOf(model));
  if (!state.ways.length) shown.querySelector(".intro").textContent = "";
  shown.append(state.ways.length ? el("div", { class: "desk" }, lists, state.bill.aside) : lists);
  if (state.ways.length) refresh(state);
}

function listOf(state, step, title) {
  const items = state.model.advice.items.map((item, at) => [item, at]).filter(([item]) => item.step === step && item.ways.length);
  if (!items.length) return null;
  const shared = sharedBy(items.map(([item]) => item));
  const made = (part) => part.map(([item, at]) => ideaOf(state, item, at, shared)), rest = items.slice(FIRST_SHOWN);
  const list = el("ul", { class: "ideas" }, made(items.slice(0, FIRST_SHOWN)));
  const showAll = () => more && more.isConnected && more.click();
  const search = rest.length ? el("input", { type: "search", placeholder: "Search suggestions", "aria-label": `Search suggestions: ${title}`, input: () => {
    const query = search.value.trim().toLowerCase();
    showAll();
    search.focus();
    for (const idea of list.children) idea.hidden = !idea.querySelector("label").textContent.toLowerCase().includes(query);
  } }) : null;
  const more = rest.length ? el("button", { type: "button", click: () => {
    const ideas = made(rest);
    list.append(...ideas);
    more.remove();
    refresh(state);
    ideas[0].querySelector("input").focus();
  } }, `Show ${rest.length} more`) : null;
  const all = [text(shared.said), shared.place ? `all written at ${text(shared.place)}` : ""].filter(Boolean).join("; ");
  return el("div", { class: "step" }, el("h3", {}, title), el("p", { class: "shared" }, all), search, list, more ? el("p", {}, more) : null);
}

// What is said of every one of several suggestions is said once, above them.
function sharedBy(items) {
  const same = (key) => (items.length > 1 && items.every((item) => item[key] === items[0][key]) ? items[0][key] : 0);
  return { said: same("said"), place: same("place") };
}

function ideaOf(state, item, at, shared) {
  const own = state.own.get(at), id = `tick-${state.number}-${at}`;
  const params = el("span", { class: "saves" }), macs = el("span", { class: "saves" });
  const then = el("span", { class: "code then" }), why = el("span", { class: "why" });
  const box = el("input", { type: "checkbox", id, change: () => tick(state, at, box.checked) });
  const display = () => {
    const way = state.chosen.get(at);
    params.textContent = saved(way.params, "params");
    macs.textContent = saved(way.macs, "MACs") || (way.params ? "" : "time alone");
    then.replaceChildren(...marked(text(item.current), text(way.way.proposed)));
  };
  const select = own.length > 1 ? selectOf(own, item, (place) => { choose(state, own[place]); refresh(state); }) : null;
  const idea = el("li", { class: "idea" }, box, el("div", {},
    el("div", { class: "head" }, el("label", { for: id }, el("bdi", {}, text(item.path) || "the model itself"),
      el("span", { class: "rule" }, ` ${text(item.rule)} ${text(item.name)}`)), params, macs),
    el("span", { class: "code now" }, text(item.current)), then, el("span", { class: "aside" }, select, asideOf(item, shared)), why));
  state.boxes.set(at, { box, idea, why, select, display });
  display();
  return idea;
}

// Takes this way of its suggestion, ticked or not.
function choose(state, way) {
  state.chosen.set(way.at, way);
  if (state.ticked.has(way.at)) state.ticked.set(way.at, way);
  if (state.boxes.has(way.at)) state.boxes.get(way.at).display();
}

function asideOf(item, shared) {
  const ratio = item.ratio === null ? "" : `estimated time ×${Number(item.ratio.toPrecision(2))}`;
  const said = item.said === shared.said ? "" : text(item.said), place = item.place === shared.place ? "" : text(item.place);
  return el("span", {}, [item.step === "retrain" ? text(item.effort) : "", ratio, said, place].filter(Boolean).join(" · "));
}

// The new code, with what differs from the old in bold.
function marked(before, after) {
  let head = 0, tail = 0;
  const most = Math.min(before.length, after.length);
  while (head < most && before[head] === after[head]) head += 1;
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const end = after.length - tail;
  return end - head > after.length * 0.7 ? [after] : [after.slice(0, head), el("b", {}, after.slice(head, end)), after.slice(end)];
}

function selectOf(own, item, take) {
  const options = own.map((way, place) => el("option", { value: place }, way.label || "as proposed"));
  return el("select", { "aria-label": `Ways for ${text(item.path)}`, change: (event) => take(Number(event.target.value)) }, options);
}

const saved = (value, noun) => (value === 0n ? "" : `${value > 0n ? "−" : "+"}${count(magnitude(value))} ${noun}`);

function tick(state, at, wanted) {
  const way = state.chosen.get(at);
  if (wanted && !rivalOf(state, way)) state.ticked.set(at, way);
  if (!wanted) state.ticked.delete(at);
  refresh(state);
}

// What is ticked already and cannot be made beside this way.
function rivalOf(state, way) {
  for (const [at, other] of state.ticked) if (at !== way.at && way.against.has(other.number)) return other;
  return null;
}

function refresh(state) {
  for (const at of [...state.ticked.keys()]) if (rivalOf(state, state.ticked.get(at))) state.ticked.delete(at);
  for (const [at, { box, idea, why, select }] of state.boxes) {
    const rival = rivalOf(state, state.chosen.get(at));
    box.checked = state.ticked.has(at);
    box.disabled = Boolean(rival);
    idea.classList.toggle("out", Boolean(rival));
    if (select) select.value = String(state.chosen.get(at).place);
    why.textContent = rival ? `not together with ${text(rival.item.rule)} at ${text(rival.item.path) || "the model itself"}` : "";
  }
  state.bill.update([...state.ticked.values()]);
}

function preset(state, numbers) {
  state.ticked.clear();
  for (const number of numbers) {
    const way = state.ways[number];
    choose(state, way);
    if (!rivalOf(state, way)) state.ticked.set(way.at, way);
  }
  refresh(state);
}

function totalsWith(model, ways) {
  const { totals } = model;
  const params = BigInt(totals.params) - ways.reduce((sum, way) => sum + way.params, 0n);
  const macs = totals.macs === null ? null : BigInt(totals.macs) - ways.reduce((sum, way) => sum + way.macs, 0n);
  return { params, macs, size: totals.itemsize === null ? null : params * BigInt(totals.itemsize) };
}

function billOf(state) {
  const { model } = state, rows = el("tbody"), heading = el("h3"), command = el("pre", { tabindex: "0", "aria-label": "Command" });
  const limits = el("p"), status = el("p", { role: "status" });
  const copy = el("button", { type: "button", click: () => copied(command, copy) }, "Copy");
  const free = state.ways.filter((way) => way.place === 0 && way.item.step === "free").map((way) => way.number);
  const presets = [["The plan", model.advice.plan], ["All that is free", free], ["Nothing", []]]
    .filter(([title, numbers]) => numbers.length || title === "Nothing")
    .map(([title, numbers]) => el("button", { type: "button", click: () => preset(state, numbers) }, title));
  const aside = el("aside", { class: "bill", "aria-label": "Totals with what is ticked" }, heading,
    el("div", { class: "tools" }, presets),
    el("table", {}, el("thead", {}, el("tr", {}, ["", "Now", "Then", ""].map((title) =>
      title ? el("th", { scope: "col", class: "number" }, title) : el("td", {})))), rows),
    limits, command, el("div", { class: "tools" }, copy), status);
  const update = (ways) => {
    heading.textContent = ways.length === 1 ? "1 change ticked" : `${ways.length} changes ticked`;
    const after = totalsWith(model, ways);
    rows.replaceChildren(...billRows(model, after));
    limits.textContent = limitsWith(model, after).join("; ");
    command.textContent = ways.length ? commandOf(model, ways) : "";
    command.hidden = copy.hidden = !ways.length;
    status.textContent = ways.length && model.command.length ? "The command takes this report's other options as well." : "";
  };
  return { aside, update };
}

function billRows(model, after) {
  const { totals } = model;
  const rows = [["Parameters", "params", BigInt(totals.params), after.params, count], ["MACs", "macs", big(totals.macs), after.macs, count]];
  if (totals.itemsize !== null) rows.push(["Size", "size", BigInt(totals.bytes), after.size, bytes]);
  return rows.map(([title, key, now, then, written]) => el("tr", { "data-bill": key, "data-exact": String(then) },
    el("th", { scope: "row" }, title), el("td", { class: "number", title: exact(now) }, written(now)),
    el("td", { class: "number after", title: exact(then) }, written(then)),
    el("td", { class: "number good" }, changed(now, then))));
}

function limitsWith(model, after) {
  return model.limits.map(({ metric, limit }) => {
    const value = after[metric === "size" ? "size" : metric], most = BigInt(limit), title = { params: "Parameters", macs: "MACs", size: "Size" }[metric];
    if (value === null) return "";
    return `${title} ${value <= most ? "within" : "over"} the limit of ${metric === "size" ? bytes(most) : count(most)}`;
  }).filter(Boolean);
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

// The word as a shell reads it; what cannot be seen, or turns text around, is written as bash's \u.
function quoted(word) {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  const inside = word.replaceAll("'", "'\\''");
  if (!word.match(CONTROL)) return `'${inside}'`;
  const escaped = word.replace(/[\\']/g, "\\$&").replace(CONTROL, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `$'${escaped}'`;
}

// The command line, or the call in Python for a module that no command finds.
function commandOf(model, ways) {
  const requests = ways.map((way) => {
    const choice = way.place && way.choice ? `=${way.choice}` : "", layer = text(way.item.pattern);
    return `${text(way.item.rule)}${choice}${layer ? `:${layer}` : ""}`;
  });
  if (!model.command.length) return ["analyzer.rewrite(model, [", ...requests.map((request) => `    ${JSON.stringify(request)},`), "], arguments)"].join("\n");
  return [model.command.map(quoted).join(" "), ...requests.map((request) => `--apply ${quoted(request)}`)].join(" \\\n  ");
}

async function copied(command, button) {
  try {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(command);
    button.textContent = "Selected: press Ctrl+C";
  }
}

function factsOf(model) {
  const facts = model.advice.items.filter((item) => !item.step);
  if (!facts.length) return null;
  const rows = facts.map((item) => el("tr", {}, el("th", { scope: "row" }, el("span", { class: "code" }, text(item.path) || "the model itself")),
    el("td", {}, `${text(item.rule)} ${text(item.name)}`), el("td", {}, [text(item.current), text(item.said)].filter(Boolean).join("; "))));
  return el("details", {}, el("summary", {}, facts.length === 1 ? "1 fact about what is there" : `${facts.length} facts about what is there`),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of facts" }, el("table", {}, el("thead", {}, el("tr", {},
      ["Layer", "Rule", "What is there"].map((title) => el("th", { scope: "col" }, title)))), el("tbody", {}, rows))));
}
