/* Raccord's own behaviour: small, plain, and pages work without it. htmx does the rest. */
(() => {
  "use strict";
  const root = document.documentElement;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = () => one("#words")?.dataset ?? {};

  /* Theme: on <html>, in localStorage, and in a cookie so that the server draws the first paint right. */
  function theme() {
    try { return localStorage.getItem("theme") ?? ""; } catch { return root.dataset.theme ?? ""; }
  }
  function setTheme(choice) {
    if (choice) root.dataset.theme = choice; else delete root.dataset.theme;
    try { localStorage.setItem("theme", choice); } catch { /* private windows may refuse */ }
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${choice}; Path=/; Max-Age=${choice ? 31536000 : 0}; SameSite=Lax${secure}`;
    all("[data-theme-choice]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.themeChoice === choice)));
  }
  const served = root.dataset.theme ?? "";
  setTheme(theme() || served);

  /* Toasts. Good news leaves by itself, bad news stays until it is dismissed. */
  const LINGER_MS = 6000;
  const LINGER_TO_ACT_MS = 20000; // with something to press, as "Undo"
  function settle(toast) {
    if (toast.dataset.settled) return;
    toast.dataset.settled = "1";
    if (toast.matches(".error, .warning")) return;
    let timer;
    const start = () => { timer = setTimeout(() => dismiss(toast), one("a", toast) ? LINGER_TO_ACT_MS : LINGER_MS); };
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", start);
    toast.addEventListener("focusin", () => clearTimeout(timer));
    start();
  }
  function dismiss(toast) {
    toast.classList.add("leaving");
    setTimeout(() => toast.remove(), 200);
  }
  function say(level, text, reference) {
    const shape = one(`#toast-${level}`) ?? one("#toast-info");
    if (!shape || !text) return;
    const toast = shape.content.firstElementChild.cloneNode(true);
    one("p", toast).textContent = reference ? `${text} ${words().reference}: ${reference}` : text;
    one("#toasts").append(toast);
    settle(toast);
  }

  /* Dialogs: native, so Escape closes them and the focus stays inside; here it also returns. */
  function openDialog(dialog, opener) {
    if (!dialog || dialog.open) return;
    const back = opener?.closest("details.menu")?.querySelector("summary") ?? opener ?? document.activeElement;
    closeMenus();
    dialog.showModal();
    dialog.addEventListener("close", () => back?.isConnected && back.focus(), { once: true });
  }

  /* Menus are <details class="menu">: one open at a time, closed by Escape or a click elsewhere. */
  function closeMenus(except) {
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(except)) menu.open = false; });
  }

  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!menu.matches?.("details.menu[open]")) return;
    /* Open towards the side that has room. */
    const items = one(".menu-items", menu);
    if (items.getBoundingClientRect().right > root.clientWidth) menu.classList.add("end");
    if (items.getBoundingClientRect().left < 0) menu.classList.remove("end");
  }, true);

  /* Where a value comes from is told while the pointer rests on its mark; a click keeps it open. */
  const REST_MS = 350;
  let resting;
  document.addEventListener("pointerover", (event) => {
    const mark = event.target.closest?.("details.origin");
    if (!mark || mark.open || event.pointerType !== "mouse") return;
    clearTimeout(resting);
    resting = setTimeout(() => {
      if (mark.open || !mark.matches(":hover")) return;
      closeMenus(mark);
      mark.open = true;
      mark.dataset.resting = "";
    }, REST_MS);
  });
  document.addEventListener("pointerout", (event) => {
    const mark = event.target.closest?.("details.origin[data-resting]");
    if (mark && !mark.contains(event.relatedTarget)) { mark.open = false; delete mark.dataset.resting; }
  });
  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".origin > summary")?.parentElement;
    if (mark && "resting" in mark.dataset) { event.preventDefault(); delete mark.dataset.resting; }
  });

  /* Tables: the head's box, a range with Shift, and the bar that says how many are chosen. */
  let lastBox = null;
  function countChosen(form) {
    const boxes = all("input[data-select]", form);
    const chosen = boxes.filter((box) => box.checked).length;
    const head = one("input[data-select-all]", form);
    const bar = one("[data-bulkbar]", form);
    if (head) { head.checked = chosen > 0 && chosen === boxes.length; head.indeterminate = chosen > 0 && chosen < boxes.length; }
    if (bar) { bar.hidden = chosen === 0; one("[data-bulk-count]", bar).textContent = chosen.toLocaleString(root.lang || undefined); }
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    closeMenus(target);
    const choice = target.closest("[data-theme-choice]");
    if (choice) setTheme(choice.dataset.themeChoice);
    const opener = target.closest("[data-dialog]");
    if (opener) openDialog(document.getElementById(opener.dataset.dialog), opener);
    const dialog = target.closest("dialog");
    if (dialog && (target.closest("[data-close]") || target === dialog)) dialog.close();
    const toast = target.closest("[data-dismiss]")?.closest("[data-toast]");
    if (toast) dismiss(toast);
    const none = target.closest("[data-select-none]")?.closest("[data-bulk]");
    if (none) { all("input[data-select]", none).forEach((box) => { box.checked = false; }); countChosen(none); }
    const box = target.closest("input[data-select]");
    if (box) {
      const boxes = all("input[data-select]", box.closest("table, [data-bulk]"));
      const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
      if (event.shiftKey && from >= 0) boxes.slice(from, to + 1).forEach((other) => { other.checked = box.checked; });
      lastBox = box;
      countChosen(box.closest("[data-bulk]") ?? document);
    }
    const copy = target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say("success", copy.dataset.copied));
  });

  /* A file that is asked for comes without a new page: it is said that it comes. */
  document.addEventListener("submit", (event) => {
    const { told } = event.target.dataset;
    if (told && !event.defaultPrevented) say("info", told);
  });

  document.addEventListener("change", (event) => {
    const head = event.target.closest("input[data-select-all]");
    if (head) {
      const form = head.closest("[data-bulk]") ?? document;
      all("input[data-select]", form).forEach((box) => { box.checked = head.checked; });
      countChosen(form);
    }
    const sender = event.target.closest("[data-submit-on-change]");
    if (sender) sender.form?.requestSubmit();
    const themeField = event.target.closest("[data-theme-field]");
    if (themeField) setTheme(["light", "dark"].includes(themeField.value) ? themeField.value : "");
  });

  /* Sign-up: the address follows the organisation's name until somebody edits it. */
  const slug = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.matches("[data-slug-source]")) {
      const into = one("[data-slug]");
      if (into && !into.dataset.edited) { into.value = slug(field.value); into.dispatchEvent(new Event("input", { bubbles: true })); }
    }
    /* A search within the page: data-filter names the list, whose rows tell by data-filtered what they are found by. */
    if (field.matches("[data-filter]")) {
      const rows = all("[data-filtered]", one(field.dataset.filter) ?? document);
      const wanted = field.value.trim().toLocaleLowerCase();
      rows.forEach((row) => { row.hidden = !row.dataset.filtered.toLocaleLowerCase().includes(wanted); });
      const count = field.parentElement.querySelector("[data-filter-count]");
      if (count) count.textContent = `${count.dataset.filterCount} ${rows.filter((row) => !row.hidden).length}`;
    }
    if (field.matches("[data-slug]")) {
      if (event.isTrusted) field.dataset.edited = field.value ? "1" : "";
      all("[data-slug-preview]").forEach((preview) => { preview.textContent = slug(field.value) || preview.dataset.slugPreview; });
    }
  });

  /* Such a search is no part of the form that it stands in. */
  document.addEventListener("change", (event) => { if (event.target.matches("[data-filter]")) event.stopPropagation(); }, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches?.("[data-filter]")) event.preventDefault(); }, true);

  /* Lists whose rows are moved, added and removed where they stand: columns, options. Without this, each button asks for the form again. */
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move], [data-option-add], [data-option-remove]");
    if (!button) return;
    event.preventDefault();
    const row = button.closest("li");
    if (button.dataset.move) {
      const other = button.dataset.move === "up" ? row.previousElementSibling : row.nextElementSibling;
      if (!other || !one("[data-move]", other)) return;
      if (button.dataset.move === "up") other.before(row); else other.after(row);
      (button.checkVisibility?.({ visibilityProperty: true }) === false ? one("input:not([type=hidden])", row) : button)?.focus();
      return;
    }
    const list = one("ol", button.closest("[data-options]"));
    let next = row?.nextElementSibling ?? row?.previousElementSibling;
    if (row && next) row.remove();
    else if (row) for (const input of (next = row).querySelectorAll("input")) input.value = ""; // what is written there then is no renaming
    else list.append(next = one("template", list.parentElement).content.firstElementChild.cloneNode(true));
    one("input", next).focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("[data-options] input")) return;
    event.preventDefault();
    one("[data-option-add]", event.target.closest("[data-options]")).click();
  });

  /* Keys. Letters alone only outside of fields; "g" waits a second for its second letter. */
  let prefix = "";
  let prefixTimer;
  const isTyping = (element) => element.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details.menu[open]") ?? one("details.menu[open]");
      if (menu) { menu.open = false; one("summary", menu).focus(); event.preventDefault(); }
      return;
    }
    const menu = event.target.closest?.("details.menu[open]");
    if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const items = all("a[href], button", menu);
      const step = event.key === "ArrowDown" ? 1 : -1;
      items.at((items.indexOf(document.activeElement) + step + items.length) % items.length)?.focus();
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target) || one("dialog[open]")) return;
    if (prefix) {
      const link = one(`[data-keys="${prefix} ${CSS.escape(event.key)}"]`);
      prefix = "";
      if (link) { event.preventDefault(); link.click(); return; }
    }
    if (event.key === "/") {
      const search = one("[data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === "?") {
      openDialog(one("#shortcuts"));
    } else if (event.key === "g") {
      prefix = "g";
      clearTimeout(prefixTimer);
      prefixTimer = setTimeout(() => { prefix = ""; }, 1000);
    } else if (event.key === "j" || event.key === "k") {
      const links = rowLinks();
      if (!links.length) return;
      const at = links.findIndex((link) => link.closest(ROW).contains(document.activeElement));
      links[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), links.length - 1)].focus();
    } else {
      /* What can be done with the row that has the focus: each button names its key. */
      const row = event.target.closest(ROW);
      const deed = row && one(event.key === "x" ? "input[data-select]" : `[aria-keyshortcuts="${CSS.escape(event.key)}"]`, row);
      if (!deed) return;
      event.preventDefault();
      if (event.key !== "x") keepRow(row);
      deed.click();
    }
  });

  /* Rows that j and k go through. What is done to one by its key leads back to the one that stands there then. */
  const ROW = ".clash, tr, li";
  const rowLinks = () => all("main .table .title a, main .rows .row-link, main .clash h3 a").filter((link) => link.checkVisibility?.() ?? true);
  function keepRow(row) {
    const at = rowLinks().findIndex((link) => row.contains(link));
    try { sessionStorage.setItem("row", JSON.stringify([location.pathname, at])); } catch { /* private windows may refuse */ }
  }
  function backToRow() {
    try {
      const [path, at] = JSON.parse(sessionStorage.getItem("row") ?? "[]");
      sessionStorage.removeItem("row");
      if (path === location.pathname && at >= 0) rowLinks().slice(0, at + 1).at(-1)?.focus();
    } catch { /* nothing was kept */ }
  }

  /* Times: relative in words, as the server said them (config/times.py), kept fresh; the exact one stays in the title. */
  const STEPS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  function freshen(within = document) {
    const format = new Intl.RelativeTimeFormat(root.lang || "en", { numeric: "always" });
    all("time[data-relative]", within).forEach((time) => {
      const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
      if (Number.isNaN(seconds)) return;
      const step = STEPS.find(([, length]) => Math.abs(seconds) >= length);
      time.textContent = step ? format.format(Math.trunc(seconds / step[1]), step[0]) : words().now;
    });
  }
  setInterval(freshen, 30000, document);

  /* htmx: the CSRF header, a sign of work after 150 ms, and words when a request fails. */
  const WAIT_MS = 150;
  const waits = new WeakMap();
  document.addEventListener("htmx:configRequest", (event) => {
    const token = one("meta[name=csrf-token]")?.content;
    if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token;
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, target, xhr } = event.detail;
    if (elt.matches("[hx-trigger^=every], [hx-trigger^='load delay']")) return; // nobody waits for what looks again by itself
    waits.set(xhr, setTimeout(() => {
      target.setAttribute("aria-busy", "true");
      const skeleton = target.dataset.skeleton && one(target.dataset.skeleton);
      if (skeleton) target.replaceChildren(skeleton.content.cloneNode(true));
    }, WAIT_MS));
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    clearTimeout(waits.get(event.detail.xhr));
    event.detail.target?.removeAttribute("aria-busy");
  });
  /* What a person has unfolded stays so when its surroundings are drawn anew. */
  let unfolded = [];
  /* The keyboard is where it was: on the same thing, or on what holds its place. Never at the beginning of the page. */
  let had = null;
  function remember() {
    const here = document.activeElement;
    const told = ["href", "hx-get"].filter((name) => here.hasAttribute(name)).map((name) => `[${name}="${CSS.escape(here.getAttribute(name))}"]`).join("");
    const same = here.id ? `#${CSS.escape(here.id)}` : told;
    had = here === document.body ? null : { here, same, near: here.parentElement?.closest("[id]")?.id };
  }
  function goBack() {
    if (!had || had.here.isConnected || document.activeElement !== document.body) return;
    if (had.same) one(had.same)?.focus();
    if (document.activeElement !== document.body) return;
    const place = document.getElementById(had.near) ?? one("#content");
    if (!place) return;
    if (!place.hasAttribute("tabindex")) place.tabIndex = -1;
    place.focus({ preventScroll: true });
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt } = event.detail.requestConfig;
    /* A button that is drawn anew between press and release is not clicked: what looks every few seconds waits for the next time. */
    if (elt.matches("[hx-trigger^=every]") && one(":active", event.detail.target)) { event.detail.shouldSwap = false; return; }
    remember();
    unfolded = all("details[id][open]", event.detail.target).map((fold) => fold.id);
    /* A refused form comes back as 422 with its errors drawn in it. */
    if (event.detail.xhr.status === 422) { event.detail.shouldSwap = true; event.detail.isError = false; }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "dialog-content") openDialog(one("#dialog"), event.detail.requestConfig?.elt);
    unfolded.forEach((id) => { const fold = document.getElementById(id); if (fold) fold.open = true; });
    goBack();
    /* What was swapped whole is no longer in the page; then the event comes from what took its place. */
    const { target } = event.detail;
    ready(target.isConnected ? target : event.target.parentElement ?? document);
  });
  document.addEventListener("htmx:sendError", () => say("error", words().offline));
  document.addEventListener("htmx:timeout", () => say("error", words().offline));
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    const type = xhr.getResponseHeader("Content-Type") ?? "";
    let text = "";
    if (type.includes("json")) {
      try { const problem = JSON.parse(xhr.responseText); text = problem.detail || problem.title; } catch { /* not ours to read */ }
    } else if (type.startsWith("text/plain")) {
      text = xhr.responseText;
    }
    const fallback = { 403: words().refused, 404: words().gone }[xhr.status] ?? words().failed;
    say("error", (text || fallback || "").slice(0, 400), xhr.getResponseHeader("X-Request-ID"));
  });
  /* A view may answer with HX-Trigger: {"toast": {"level": "success", "text": "…"}} or {"close-dialog": true}. */
  document.addEventListener("toast", (event) => say(event.detail.level ?? "info", event.detail.text));
  document.addEventListener("close-dialog", () => one("#dialog")?.close());

  function ready(within = document) {
    freshen(within);
    all("[data-toast]", within).forEach(settle);
    all("[data-with-script]", within).forEach((part) => { part.hidden = false; });
    one("[data-focus]", within)?.focus();
    const named = within.dataset?.focusId ?? one("[data-focus-id]", within)?.dataset.focusId;
    if (named) document.getElementById(named)?.focus();
    all("[data-bulk]").forEach(countChosen);
    for (const here of all(".steps > .current, .tabs > [aria-current]", within)) { // of what does not fit: where one is
      const strip = here.parentElement;
      const beyond = here.getBoundingClientRect().right - strip.getBoundingClientRect().right;
      if (beyond > 0) strip.scrollLeft += beyond + 48;
    }
  }
  ready();
  backToRow();
})();
