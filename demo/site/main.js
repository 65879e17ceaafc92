// Reads the board again and again, and draws it.

import { board } from "./ask.js";
import { draw, redraw } from "./calendar.js";
import "./dialogs.js";
import "./drag.js";
import { drawFeed, drawState } from "./feed.js";
import "./try.js";
import { complain, entriesOf, isoDay, make, midnight, view } from "./view.js";

const every = 350; // milliseconds
let unreachable = false;

// drawWeek offers the days around the one that is played, with how much both
// sides have on each.
function drawWeek() {
  const first = midnight(view.board.day), days = [];
  for (let i = -1; i < 6; i++) {
    const t = new Date(first);
    t.setDate(t.getDate() + i);
    days.push(isoDay(t));
  }
  if (!days.includes(view.day)) days.push(view.day);
  const held = (day, side) => entriesOf(day).filter((e) => e.side === side && (e.state === "accepted" || e.state === "pending")).length;
  const week = document.getElementById("week");
  if (week.dataset.days !== days.join()) {
    const focused = document.activeElement && document.activeElement.dataset.day;
    week.dataset.days = days.join();
    week.replaceChildren(...days.map((day) => make("button", {
      type: "button", "data-day": day, onclick: () => { view.day = day; redraw(); paint(); },
    }, make("span", {}, midnight(day).toLocaleDateString("en-GB", { weekday: "short", day: "numeric" })),
    make("small", { title: "in Outlook and in Eliona" }, make("b", { class: "outlook" }), " · ", make("b", { class: "eliona" })))));
    if (focused) { const again = week.querySelector("[data-day=\"" + focused + "\"]"); if (again) again.focus(); }
  }
  // What is there already stays: a click on something that is replaced is lost.
  for (const button of week.children) {
    const day = button.dataset.day;
    if (day === view.day) button.setAttribute("aria-current", "date"); else button.removeAttribute("aria-current");
    for (const count of button.querySelectorAll("b")) {
      const now = String(held(day, count.className));
      if (count.textContent !== now) count.textContent = now;
    }
  }
}

function paint() {
  draw();
  drawWeek();
  drawState();
  drawFeed();
}

async function look() {
  try {
    const now = await board();
    if (unreachable) { complain(""); unreachable = false; }
    if (!now.rooms) return;
    if (!view.board) {
      view.day = now.day;
      document.getElementById("status").href = now.page;
    }
    view.board = now;
    paint();
  } catch (e) {
    unreachable = true;
    complain("The demonstration does not answer: " + e.message);
  }
}

document.getElementById("cancelled").addEventListener("change", () => { redraw(); if (view.board) paint(); });
(async function again() {
  if (!document.hidden) await look();
  setTimeout(again, every);
})();
