"use strict";
// What all views share: the data, elements made without markup, and choices of which one is taken.

const data = JSON.parse(document.getElementById("data").textContent);
const text = (place) => data.strings[place];

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// Attributes whose value is a function listen to the event of that name; children that are texts stay texts.
const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function section(mount, title, intro) {
  const heading = el("h2", { id: `view-${document.querySelectorAll("h2").length}` }, title);
  const made = el("section", { "aria-labelledby": heading.id }, heading, intro ? el("p", { class: "intro" }, intro) : null);
  mount.append(made);
  return made;
}

// Buttons of which one is pressed; `choices` are pairs of a value and its title.
function oneOf(legend, choices, chosen, take) {
  const buttons = choices.map(([value, title]) =>
    el("button", { type: "button", "aria-pressed": String(value === chosen), click: () => press(value) }, title));
  function press(value) {
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(choices[at][0] === value)));
    take(value);
  }
  return el("fieldset", { class: "choice" }, el("legend", {}, legend), buttons);
}

function legendOf(entries) {
  const items = entries.map(([name, title]) =>
    el("li", {}, svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" },
      svg("rect", { class: name, width: 10, height: 10 })), title));
  return el("ul", { class: "legend" }, items);
}
