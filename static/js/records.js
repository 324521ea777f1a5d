/* The pages of records: choosing all that match, leaving a field. Everything works without it, in more steps. */
(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  /* "All that match" is offered once the whole page is chosen, and ends with the first box that is unticked. */
  function offer(form) {
    const boxes = all("input[data-select]", form);
    const every = boxes.length > 0 && boxes.every((box) => box.checked);
    const flag = form.querySelector("[data-all]");
    if (!flag) return;
    if (!every) flag.value = "";
    const taken = flag.value === "1";
    all("[data-select-matching]", form).forEach((button) => { button.hidden = !every || taken; });
    all("[data-all-words]", form).forEach((words) => { words.hidden = !taken; });
    const count = form.querySelector("[data-bulk-count]")?.parentElement;
    if (count) count.hidden = taken;
  }
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-bulk]");
    if (form) offer(form);
  });
  document.addEventListener("click", (event) => {
    const form = event.target.closest("form[data-bulk]");
    const matching = event.target.closest("[data-select-matching]");
    if (matching) { form.querySelector("[data-all]").value = "1"; form.querySelector("[data-bulkbar] .button:not([hidden])")?.focus(); }
    if (form) setTimeout(offer, 0, form);
  });
  document.addEventListener("htmx:afterSwap", () => all("form[data-bulk]").forEach(offer));
  all("form[data-bulk]").forEach(offer);

  /* A single field is opened by a click on its value or by Enter, and left by Escape. */
  document.addEventListener("click", (event) => {
    if (event.target.closest("a, button, input, select, textarea, details, label") || String(getSelection())) return;
    event.target.closest("[data-editable]")?.querySelector("[data-edit]")?.click();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.closest?.("[data-inline]")) {
      event.preventDefault();
      event.target.closest("[data-inline]").querySelector("[data-leave]")?.click();
    }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    /* Somebody else wrote meanwhile: the form comes back as 409 with both values. */
    if (event.detail.xhr.status === 409 && event.detail.target.closest("[data-editable]")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    const place = event.detail.target?.closest?.("[data-editable]");
    if (!place) return;
    const field = place.querySelector("[data-inline] :is(input:not([type=hidden]), select, textarea)");
    (field ?? place.querySelector("[data-edit]"))?.focus();
    if (field?.matches("input[type=text], input[type=email], input[type=url], input[type=tel]")) field.select();
  });
})();
