// Draws each model when it is first shown, and switches between models and between light and dark.

const VIEWS = [changesView, mapView, suggestionsView, tradeOffView, tableView, memoryView, rooflineView, sizesView];
const drawn = new Set();

function draw(number) {
  if (drawn.has(number)) return;
  drawn.add(number);
  const mount = document.querySelector(`[data-views="${number}"]`), model = data.models[number];
  model.modules = modulesOf(model);
  VIEWS.forEach((view) => view(mount, model, number));
}

function show(number) {
  document.querySelectorAll("main > article").forEach((article, at) => (article.hidden = at !== number));
  document.querySelectorAll("[data-model]").forEach((button) =>
    button.setAttribute("aria-pressed", String(Number(button.dataset.model) === number)));
  draw(number);
  linkSections(document.getElementById(`model-${number}`));
}

// Links to the sections of the model that is shown.
function linkSections(article) {
  const heads = [...article.querySelectorAll("h2[id]:not(.name)")];
  document.getElementById("jump").replaceChildren(...heads.map((head) => el("a", { href: `#${head.id}` }, head.textContent)));
}

function startTheme() {
  const button = document.getElementById("theme"), root = document.documentElement;
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const label = () => (button.textContent = isDark() ? "Light" : "Dark");
  button.hidden = false;
  button.setAttribute("aria-label", "Switch between light and dark");
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  label();
}

document.querySelectorAll("[data-model]").forEach((button) =>
  button.addEventListener("click", () => show(Number(button.dataset.model))));
startTheme();
show(Math.max(0, data.models.findIndex((model) => model.changes)));
