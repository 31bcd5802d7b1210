"use strict";
// Sorts the table of models by the column whose title is clicked; models without a value stay last.

const table = document.getElementById("table");
const heads = table ? [...table.tHead.rows[0].cells] : [];

function compared(one, other, isNumber) {
  return isNumber ? Number(one) - Number(other) : one < other ? -1 : Number(one > other);
}

function sortBy(head, at) {
  const isNumber = head.classList.contains("number");
  const sorted = head.getAttribute("aria-sort");
  const falls = sorted ? sorted === "ascending" : isNumber;
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", falls ? "descending" : "ascending");
  const value = (row) => row.cells[at].dataset.value;
  const rows = [...table.tBodies[0].rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === "" || b === "") return Number(a === "") - Number(b === "");
    return (falls ? -1 : 1) * compared(a, b, isNumber);
  });
  table.tBodies[0].append(...rows);
}

heads.forEach((head, at) => {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sortBy(head, at));
  head.append(button);
});
