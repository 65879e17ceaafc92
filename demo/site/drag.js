// Moving entries and choosing hours: with the pointer, and with the keyboard.

import { changeRooms, move } from "./ask.js";
import { hours, place, redraw } from "./calendar.js";
import { showDetails, showBooking } from "./dialogs.js";
import { atMinute, clock, complain, make, roomName, sameMeeting, say, view } from "./view.js";

const step = 15; // minutes
const main = document.querySelector("main");
const limit = (n, least, most) => Math.max(least, Math.min(most, n));

// draft is where something would be: a side, a room, and minutes of the day.
// Its ghost is shown in the calendar.
class Draft {
  constructor(side, room, from, to, entry) {
    Object.assign(this, { side, room, from, to, entry, ghost: make("div", { class: "entry ghost " + side, "aria-hidden": "true" }) });
    if (entry) this.origin = { room, from };
    this.show();
  }

  get changed() { return !this.origin || this.room !== this.origin.room || this.from !== this.origin.from; }
  get text() { return clock(atMinute(view.day, this.from)) + "–" + clock(atMinute(view.day, this.to)); }

  set(room, from, to) {
    Object.assign(this, { room, from, to });
    this.show();
  }

  show() {
    const column = main.querySelector("[data-side=" + this.side + "] [data-room=\"" + this.room + "\"]");
    if (this.ghost.parentElement !== column) column.append(this.ghost);
    this.ghost.replaceChildren(make("b", {}, this.text));
    place(this.ghost, this.from, this.to);
  }

  end() {
    this.ghost.remove();
    view.busy = null;
    redraw();
  }
}

// drop moves the entry to where the draft is.
async function drop(draft) {
  const { entry } = draft, moved = draft.from !== draft.origin.from;
  if (document.activeElement.entry === entry) view.follow = draft; // the focus goes with it
  draft.end();
  const rooms = sameMeeting(entry).map((e) => e.room);
  try {
    if (moved) await move(entry, atMinute(view.day, draft.from), new Date(atMinute(view.day, draft.from).getTime() + (entry.finish - entry.begin)));
    if (draft.room !== draft.origin.room) {
      await changeRooms(entry, [...new Set(rooms.map((r) => (r === draft.origin.room ? draft.room : r)))]);
    }
    say("Moved to " + draft.text + ", " + roomName(draft.room));
  } catch (e) {
    view.follow = null;
    complain("Not moved: " + e.message);
  }
}

// ----- the pointer

function columnAt(side, x) {
  const columns = [...main.querySelectorAll("[data-side=" + side + "] .column")];
  return columns.find((c) => { const box = c.getBoundingClientRect(); return x >= box.left && x < box.right; }) || null;
}

function minuteAt(column, y) {
  const box = column.getBoundingClientRect();
  return hours.first * 60 + ((y - box.top) / box.height) * (hours.last - hours.first) * 60;
}

main.addEventListener("pointerdown", (event) => {
  const column = event.target.closest(".column");
  if (!column || event.button !== 0 || view.busy) return;
  const side = column.closest("[data-side]").dataset.side, element = event.target.closest(".entry");
  if (element && element.tagName !== "BUTTON") return;
  if (event.pointerType === "touch" && !element) return; // that scrolls
  const from = { x: event.clientX, y: event.clientY, minute: minuteAt(column, event.clientY) };
  let draft = null;

  const follow = (e) => {
    if (!draft && Math.hypot(e.clientX - from.x, e.clientY - from.y) < 5) return;
    e.preventDefault();
    const minute = minuteAt(column, e.clientY), snap = (m) => Math.round(m / step) * step;
    if (element) {
      const entry = element.entry, length = entry.to - entry.from;
      draft = draft || new Draft(side, entry.room, entry.from, entry.to, entry);
      view.busy = draft;
      element.classList.add("lifted");
      const start = limit(snap(entry.from + minute - from.minute), 0, 24 * 60 - length);
      draft.set((columnAt(side, e.clientX) || column).dataset.room, start, start + length);
    } else {
      const start = Math.floor(from.minute / 30) * 30;
      draft = draft || new Draft(side, column.dataset.room, start, start + 30);
      view.busy = draft;
      draft.set(column.dataset.room, start, limit(Math.ceil(minute / 30) * 30, start + 30, 24 * 60));
    }
  };
  const finish = (e) => {
    removeEventListener("pointermove", follow);
    removeEventListener("pointerup", finish);
    removeEventListener("pointercancel", finish);
    removeEventListener("keydown", abort, true);
    if (element) element.classList.remove("lifted");
    if (e.type !== "pointerup") { if (draft) draft.end(); return; }
    if (!draft) {
      if (element) showDetails(element.entry);
      else showBooking(side, { room: column.dataset.room, from: Math.floor(from.minute / 30) * 30, length: 60 });
    } else if (draft.entry) {
      if (draft.changed) drop(draft); else draft.end();
    } else {
      const { room, from: start, to } = draft;
      draft.end();
      showBooking(side, { room, from: start, length: to - start });
    }
  };
  const abort = (e) => { if (e.key === "Escape") finish(e); };
  addEventListener("pointermove", follow);
  addEventListener("pointerup", finish);
  addEventListener("pointercancel", finish);
  addEventListener("keydown", abort, true);
});

// Assistive technology clicks without a pointer. Browsers do so, too, after a
// key that was dealt with here.
let pressed = -Infinity;
main.addEventListener("click", (event) => {
  const element = event.target.closest(".column button.entry");
  if (element && event.detail === 0 && event.timeStamp - pressed > 500) showDetails(element.entry);
});

// ----- the keyboard: arrows move a draft, Enter drops it, Escape forgets it

main.addEventListener("keydown", (event) => {
  const element = event.target.closest(".column button.entry");
  if (!element) return;
  const entry = element.entry, draft = view.busy;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    pressed = event.timeStamp;
    if (!draft) showDetails(entry);
    else if (draft.changed) drop(draft);
    else draft.end();
    return;
  }
  if (event.key === "Escape" && draft) { draft.end(); say("Not moved"); return; }
  const by = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!by) return;
  event.preventDefault();
  const rooms = view.board.rooms.map((r) => r.address);
  view.busy = draft || new Draft(entry.side, entry.room, entry.from, entry.to, entry);
  const length = entry.to - entry.from, from = limit(view.busy.from + by[0], 0, 24 * 60 - length);
  const room = rooms[limit(rooms.indexOf(view.busy.room) + by[1], 0, rooms.length - 1)];
  view.busy.set(room, from, from + length);
  say(view.busy.text + ", " + roomName(room) + ". Enter moves it, Escape leaves it.");
});

main.addEventListener("focusout", (event) => {
  if (view.busy && view.busy.entry && event.target.closest(".column") && !event.target.classList.contains("lifted")) view.busy.end();
});
