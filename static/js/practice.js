/* The practice table: a cell becomes a field in its place. Without this it is a page of its own. */
(() => {
  "use strict";
  const form = (element) => element.closest?.("form[data-cell]");
  const held = new WeakMap(); // what a field held when it was opened
  const value = (field) => (field.multiple ? [...field.selectedOptions].map((one) => one.value).join("\n") : field.value);

  document.addEventListener("htmx:afterSettle", (event) => {
    const field = event.detail.elt.querySelector?.("form[data-cell] [data-focus]");
    if (!field || held.has(field)) return;
    held.set(field, value(field));
    field.focus();
    field.select?.();
  });

  const leave = (cell) => cell.querySelector("[data-cancel]")?.click();
  document.addEventListener("keydown", (event) => {
    const cell = form(event.target);
    if (!cell) return;
    if (event.key === "Escape") { event.preventDefault(); cell.dataset.left = "1"; leave(cell); }
    if (event.key === "Enter" && event.target.matches("select, textarea") && (event.ctrlKey || event.metaKey || event.target.matches("select"))) {
      event.preventDefault();
      cell.requestSubmit();
    }
  });

  /* Going elsewhere keeps what was changed, and leaves what was not. */
  document.addEventListener("focusout", (event) => {
    const cell = form(event.target);
    if (!cell || cell.contains(event.relatedTarget) || cell.dataset.left || !event.target.matches("[data-focus]")) return;
    if (held.get(event.target) === value(event.target)) leave(cell); else cell.requestSubmit();
  });
  document.addEventListener("change", (event) => {
    if (form(event.target) && event.target.matches("select:not([multiple])")) form(event.target).requestSubmit();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt } = event.detail;
    /* The table is not drawn anew under somebody's fingers, and a cell is kept once. */
    if (elt.id === "grid" && elt.querySelector("form[data-cell]")) event.preventDefault();
    if (elt.matches("form[data-cell]")) { if (elt.dataset.left) event.preventDefault(); elt.dataset.left = "1"; }
  });
  /* A refused form stays open. After a kept one the keyboard goes on from the cell that was edited. */
  let back = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { requestConfig, xhr } = event.detail;
    const cell = requestConfig?.elt.closest?.("form[data-cell]");
    if (!cell) return;
    if (xhr.status === 422) delete cell.dataset.left;
    else if (cell.contains(document.activeElement)) back = cell.getAttribute("action");
  });
  document.addEventListener("htmx:afterSettle", () => {
    const cell = back && document.querySelector(`a.cell[href="${CSS.escape(back)}"]`);
    back = "";
    if (cell && document.activeElement.matches("body, #grid")) cell.focus();
  });
})();
