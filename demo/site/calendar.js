// The two calendars of a day: a column per room, an entry per meeting.

import { letDecline } from "./ask.js";
import { clock, complain, entriesOf, isoDay, live, make, nameOf, pad, roomName, stateOf, view } from "./view.js";

const showCancelled = () => document.getElementById("cancelled").checked;
let drawn = "", seen = null;

// hours are the first and the last hour that are shown.
export const hours = { first: 7, last: 20 };

export function redraw() { drawn = ""; }

// lanes lets entries that overlap share the width of their column; what is
// cancelled gets the smaller part beside what is not.
function lanes(entries) {
  const overlap = (a, b) => a !== b && a.from < b.to && b.from < a.to;
  const gone = (e) => e.state === "cancelled", placed = [];
  for (const kind of [entries.filter((e) => !gone(e)), entries.filter(gone)]) {
    const own = [];
    for (const entry of kind) {
      const taken = own.filter((p) => overlap(p.entry, entry)).map((p) => p.lane);
      let lane = 0;
      while (taken.includes(lane)) lane++;
      own.push({ entry, lane });
    }
    for (const p of own) {
      const of = 1 + Math.max(p.lane, ...own.filter((q) => overlap(p.entry, q.entry)).map((q) => q.lane));
      const mixed = entries.some((e) => gone(e) !== gone(p.entry) && overlap(e, p.entry));
      const [from, width] = !mixed ? [0, 1] : gone(p.entry) ? [0.76, 0.24] : [0, 0.75];
      placed.push({ entry: p.entry, left: from + (width * p.lane) / of, width: width / of });
    }
  }
  return placed;
}

// place puts an element where a time is in its column.
export function place(element, from, to, left = 0, width = 1) {
  const hour = (minutes) => "calc(var(--hour) * " + (minutes / 60).toFixed(4) + ")";
  element.style.top = hour(from - hours.first * 60);
  element.style.height = "calc(" + hour(to - from) + " - 2px)";
  element.style.left = "calc(2px + (100% - 4px) * " + left + ")";
  element.style.width = "calc((100% - 4px) * " + width + " - 1px)";
}

function drawEntry(p) {
  const e = p.entry, alive = live(e);
  const what = e.side === "outlook" && e.state === "accepted" && e.subject ? e.subject : stateOf(e);
  const time = clock(e.begin) + "–" + clock(e.finish), fresh = seen && !seen.has(e.key + e.start + e.state) && alive;
  const element = make(alive ? "button" : "div", {
    class: "entry " + e.side + " " + e.state + (fresh ? " fresh" : ""), type: alive && "button",
    title: [time + " " + nameOf(e.organizer), roomName(e.room), stateOf(e), e.subject].filter(Boolean).join(", "), "data-key": e.key, "data-pair": e.pair,
  }, ...(p.width < 0.3 ? ["×"] : [make("b", {}, nameOf(e.organizer)), make("span", {}, what), make("span", {}, clock(e.begin)), make("span", { class: "hidden" }, ", " + roomName(e.room))]));
  element.entry = e;
  place(element, e.from, e.to, p.left, p.width);
  return element;
}

function drawHead(side, room) {
  const head = make("div", { class: "room" }, make("span", {}, room.name));
  if (side === "eliona") {
    head.append(make("small", {}, room.asset ? "bookable" : "no asset yet"));
    return head;
  }
  head.append(make("label", { class: "switch" }, make("input", {
    type: "checkbox", checked: room.declines, "data-key": "declines " + room.address, "aria-label": room.name + " declines every meeting",
    onchange: async (event) => {
      try { await letDecline(room.address, event.target.checked); } catch (e) { complain(e.message); }
      redraw();
    },
  }), "declines"));
  return head;
}

// draw draws both sides, unless nothing has changed.
export function draw() {
  const board = view.board, now = new Date(board.now);
  const entries = entriesOf(view.day).filter((e) => e.state !== "cancelled" || showCancelled());
  const key = JSON.stringify([view.day, entries.map((e) => [e.key, e.start, e.end, e.state, e.reason, e.subject]), board.rooms, now.getMinutes()]);
  if (key === drawn || view.busy) return;
  drawn = key;
  hours.first = Math.min(7, ...entries.map((e) => Math.floor(e.from / 60)));
  hours.last = Math.max(20, ...entries.map((e) => Math.ceil(e.to / 60)));
  const height = { height: "calc(var(--hour) * " + (hours.last - hours.first) + ")" };
  for (const section of document.querySelectorAll("[data-side]")) {
    const side = section.dataset.side, grid = section.querySelector(".grid");
    const focus = grid.contains(document.activeElement) && document.activeElement.dataset.key;
    grid.style.setProperty("--rooms", board.rooms.length);
    const scale = make("div", { class: "hours", style: height, "aria-hidden": "true" });
    for (let h = hours.first; h < hours.last; h++) scale.append(make("span", { style: { top: "calc(var(--hour) * " + (h - hours.first) + ")" } }, pad(h) + ":00"));
    const columns = board.rooms.map((room) => {
      const column = make("div", { class: "column", role: "group", "aria-label": room.name + " in " + side, "data-room": room.address, style: height });
      column.append(...lanes(entries.filter((e) => e.side === side && e.room === room.address)).map(drawEntry));
      const at = now.getHours() + now.getMinutes() / 60;
      if (isoDay(now) === view.day && at >= hours.first && at <= hours.last) {
        column.append(make("div", { class: "now", style: { top: "calc(var(--hour) * " + (at - hours.first) + ")" } }));
      }
      return column;
    });
    grid.replaceChildren(make("div", { class: "corner" }), ...board.rooms.map((room) => drawHead(side, room)), scale, ...columns);
    if (focus) {
      const again = [...grid.querySelectorAll("[data-key]")].find((x) => x.dataset.key === focus);
      if (again) again.focus({ preventScroll: true });
    }
  }
  const to = view.follow;
  const followed = to && [...document.querySelectorAll("[data-side=" + to.side + "] button.entry")].find((x) => x.entry.room === to.room && x.entry.from === to.from);
  if (followed) {
    followed.focus({ preventScroll: true });
    view.follow = null;
  }
  seen = new Set((board.entries || []).map((e) => e.key + e.start + e.state));
}

// The counterpart on the other side stands out with the entry one looks at.
function pair(event) {
  const entry = event.target.closest && event.target.closest(".entry[data-pair]");
  for (const element of document.querySelectorAll(".entry.twin")) element.classList.remove("twin");
  if (!entry || event.type === "pointerout" || event.type === "focusout") return;
  for (const element of document.querySelectorAll(".column .entry")) {
    if (element.dataset.pair === entry.dataset.pair && !element.classList.contains("cancelled")) element.classList.add("twin");
  }
}
for (const kind of ["pointerover", "pointerout", "focusin", "focusout"]) document.querySelector("main").addEventListener(kind, pair);
