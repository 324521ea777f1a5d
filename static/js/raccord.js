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
  function settle(toast) {
    if (toast.dataset.settled) return;
    toast.dataset.settled = "1";
    if (toast.matches(".error, .warning")) return;
    let timer;
    const start = () => { timer = setTimeout(() => dismiss(toast), LINGER_MS); };
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
    if (field.matches("[data-slug]")) {
      if (event.isTrusted) field.dataset.edited = field.value ? "1" : "";
      all("[data-slug-preview]").forEach((preview) => { preview.textContent = slug(field.value) || preview.dataset.slugPreview; });
    }
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
      const links = all("main .table .title a, main .rows .row-link");
      if (!links.length) return;
      const at = links.findIndex((link) => link.closest("tr, li, .rows > *").contains(document.activeElement));
      links[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), links.length - 1)].focus();
    } else if (event.key === "x") {
      one("input[data-select]", event.target.closest("tr") ?? document.createElement("i"))?.click();
    }
  });

  /* Times: relative in words, in the page's language, the exact one stays in the title. */
  const STEPS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  function freshen(within = document) {
    const format = new Intl.RelativeTimeFormat(root.lang || "en", { numeric: "auto" });
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
    const { target, xhr } = event.detail;
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
  document.addEventListener("htmx:beforeSwap", (event) => {
    unfolded = all("details[id][open]", event.detail.target).map((fold) => fold.id);
    /* A refused form comes back as 422 with its errors drawn in it. */
    if (event.detail.xhr.status === 422) { event.detail.shouldSwap = true; event.detail.isError = false; }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "dialog-content") openDialog(one("#dialog"), event.detail.requestConfig?.elt);
    unfolded.forEach((id) => { const fold = document.getElementById(id); if (fold) fold.open = true; });
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
    one("[data-focus]", within)?.focus();
    all("[data-bulk]").forEach(countChosen);
    const step = one(".steps .current", within);
    if (step) step.parentElement.scrollLeft = step.offsetLeft - step.parentElement.offsetLeft - 48;
  }
  ready();
})();
