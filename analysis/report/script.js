"use strict";
(() => {
  const root = document.documentElement;
  const rules = document.head.appendChild(document.createElement("style"));
  const boxes = [...document.querySelectorAll(".filters input[type=checkbox]")];

  function applyFilters() {
    const hide = boxes.filter((box) => !box.checked).map((box) => `main [data-${box.dataset.kind}="${box.value}"]`);
    rules.textContent = hide.length ? `${hide.join(",")}{display:none!important}` : "";
    const shown = document.getElementById("shown");
    const rows = [...document.querySelectorAll("#trials tbody tr")].filter((row) => getComputedStyle(row).display !== "none");
    shown.textContent = String(rows.length);
  }
  boxes.forEach((box) => box.addEventListener("change", applyFilters));
  document.getElementById("all").addEventListener("click", () => {
    boxes.forEach((box) => { box.checked = true; });
    applyFilters();
  });

  const clock = document.getElementById("clock");
  function applyClock() {
    document.querySelectorAll("[data-clock]").forEach((figure) => { figure.hidden = figure.dataset.clock !== clock.value; });
  }
  clock.addEventListener("change", applyClock);
  applyClock();

  const theme = document.getElementById("theme");
  theme.addEventListener("change", () => {
    if (theme.value) root.dataset.theme = theme.value; else delete root.dataset.theme;
  });

  const tip = document.body.appendChild(Object.assign(document.createElement("div"), { id: "tip" }));
  tip.setAttribute("role", "tooltip");
  document.addEventListener("pointermove", (event) => {
    const owner = event.target.closest?.("[data-tip]");
    tip.classList.toggle("on", Boolean(owner));
    if (!owner) return;
    tip.textContent = owner.dataset.tip;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - box.width - 8)}px`;
    tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18}px`;
  });

  // A number's link leads to the trials it was made of: mark all of them, not only the first.
  function markTrials() {
    const group = location.hash.match(/^#(w\d+-a\d+)$/);
    const trial = location.hash.match(/^#(trial-\d+)$/);
    document.querySelectorAll("#trials tbody tr").forEach((row) => {
      row.classList.toggle("hit", Boolean((group && row.dataset.group === group[1]) || (trial && row.id === trial[1])));
    });
    document.querySelector("tr.hit")?.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", markTrials);
  if (location.hash) markTrials();

  const body = document.querySelector("#trials tbody");
  document.querySelectorAll("#trials th button").forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const down = head.getAttribute("aria-sort") === "ascending";
      document.querySelectorAll("#trials th").forEach((th) => th.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
      const rows = [...body.rows].sort((a, b) => {
        const x = key(a), y = key(b);
        const order = x !== "" && y !== "" && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
        return down ? -order : order;
      });
      body.append(...rows);
    });
  });
  applyFilters();
})();
