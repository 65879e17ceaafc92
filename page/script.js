"use strict";
// Keeps the page current. Without it everything works, too: by "Refresh".
(() => {
  const every = 10000, setting = "ews-status-auto";
  const auto = document.getElementById("auto"), offline = document.getElementById("offline");
  const storage = (use) => { try { return use(window.localStorage); } catch { return null; } }; // it may be forbidden
  auto.checked = storage((s) => s.getItem(setting)) !== "off";
  auto.closest("label").hidden = false;
  auto.addEventListener("change", () => storage((s) => s.setItem(setting, auto.checked ? "on" : "off")));

  // What a button just did is said once.
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }

  // A check takes up to a minute.
  let checking = false;
  document.addEventListener("submit", ({ submitter }) => {
    if (!submitter || !submitter.dataset.waiting) return;
    checking = true;
    submitter.textContent = submitter.dataset.waiting;
    submitter.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); }); // back from the result

  const busy = () => checking || document.hidden || !auto.checked || String(document.getSelection()) !== "";

  async function update() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("content");
    if (!fresh || busy()) return;
    const old = document.getElementById("content"), focused = document.activeElement;
    for (const details of old.querySelectorAll("details[open]")) {
      const same = fresh.querySelector("#" + CSS.escape(details.id));
      if (same) same.open = true;
    }
    old.replaceWith(fresh);
    if (focused && focused.id && !focused.isConnected) {
      const same = document.getElementById(focused.id);
      if (same) same.focus({ preventScroll: true });
    }
  }

  async function look() {
    if (busy()) return;
    try {
      await update();
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
  }
  setInterval(look, every);
  document.addEventListener("visibilitychange", look);
})();
