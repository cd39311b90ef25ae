"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  for (const element of all("#filters, .unfold, .copy")) element.hidden = false;

  // --- copy ---------------------------------------------------------------------------------
  const select = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };
  const copy = async (button) => {
    const code = button.parentElement.querySelector("code");
    let done = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      select(code);
      done = document.execCommand("copy");
    }
    const label = button.firstChild;
    label.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { label.textContent = "Copy"; }, 1600);
  };

  // --- permalinks ---------------------------------------------------------------------------
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (form && target.closest("[hidden]")) { form.reset(); apply(); }
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches("[data-copy]")) copy(button);
    if (button?.dataset.unfold) {
      const open = button.dataset.unfold === "open";
      for (const details of all(open ? "details.failure:not([hidden])" : "details")) {
        details.open = open;
        if (open) details.closest("details.layer").open = true;
      }
    }
    // A second click on the same link changes no hash.
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal();
  });

  // --- filters ------------------------------------------------------------------------------
  const form = document.getElementById("filters");
  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const layers = all("details.layer").map((element) => ({
    element,
    row: document.querySelector(`tr[data-layer="${element.id}"]`),
    name: (element.id + " " + element.querySelector("summary b").textContent).toLowerCase(),
    family: element.dataset.family,
    groups: all(".group", element).map((group) => ({
      element: group,
      link: document.querySelector(`a.cell[href="#${group.id}"]`),
      entries: all(".entry", group).map((entry) => ({
        element: entry,
        status: entry.dataset.status,
        severity: entry.dataset.severity || "",
        text: null,
      })),
    })),
  }));

  const apply = () => {
    const chosen = Object.fromEntries(new FormData(form));
    const words = (chosen.text || "").toLowerCase().split(/\s+/).filter(Boolean);
    const statuses = (chosen.status || "").split(" ").filter(Boolean);
    const filtered = Boolean(words.length || statuses.length || chosen.severity || chosen.family);
    let shownLayers = 0;
    let shownEntries = 0;
    for (const layer of layers) {
      let inLayer = 0;
      for (const group of layer.groups) {
        let inGroup = 0;
        for (const entry of group.entries) {
          let shown = (!chosen.family || layer.family === chosen.family)
            && (!statuses.length || statuses.includes(entry.status))
            && (!chosen.severity || entry.severity === chosen.severity);
          if (shown && words.length) {
            entry.text ??= `${layer.name} ${group.element.id} ${entry.element.textContent}`.toLowerCase();
            shown = words.every((word) => entry.text.includes(word));
          }
          entry.element.hidden = !shown;
          inGroup += shown;
        }
        group.element.hidden = !inGroup;
        group.link?.classList.toggle("dim", !inGroup);
        inLayer += inGroup;
      }
      layer.element.hidden = layer.row.hidden = !inLayer;
      shownLayers += inLayer > 0;
      shownEntries += inLayer;
    }
    if (filtered && shownLayers <= 3) {
      for (const layer of layers) if (!layer.element.hidden) layer.element.open = true;
    }
    form.querySelector("output").textContent = filtered
      ? `${count(shownEntries, "entry").replace("entrys", "entries")} in ${count(shownLayers, "layer")}`
      : "";
    document.querySelector(".nothing").hidden = shownLayers > 0;
  };

  if (form) {
    let waiting = 0;
    form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 80); });
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
    apply();
  }

  // --- scoreboard ---------------------------------------------------------------------------
  const only = document.getElementById("only-differences");
  if (only) {
    only.closest("label").hidden = false;
    const show = () => {
      for (const row of all("tbody tr.same")) row.hidden = only.checked;
    };
    only.addEventListener("change", show);
    show();
  }

  addEventListener("beforeprint", () => { for (const details of all("details.failure, details.layer.failed, details.layer.errored")) details.open = true; });
  reveal();
})();
