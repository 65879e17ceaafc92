// What newcomers may try with one click: each finds free time by itself.

import { book, cutNetwork, letCrash, letDecline } from "./ask.js";
import { atMinute, complain, entriesOf, isoDay, live, midnight, nameOf, roomName, say, view } from "./view.js";

// free finds an hour in which some rooms are free on both sides, on the day
// that is shown or the next ones.
function free(count, days = 1) {
  const open = (day, room, from) => !entriesOf(day).some((e) => e.room === room && live(e) && e.from < from + 60 && e.to > from);
  const after = (day, n) => { const t = midnight(day); t.setDate(t.getDate() + n); return isoDay(t); };
  for (let later = 0; later < 14; later++) {
    const day = after(view.day, later);
    for (let from = 8 * 60; from < 19 * 60; from += 60) {
      if (atMinute(day, from) < new Date()) continue;
      const rooms = view.board.rooms.map((r) => r.address).filter((room) => {
        for (let d = 0; d < days; d++) if (!open(after(day, d), room, from)) return false;
        return true;
      });
      if (rooms.length >= count) return { day, rooms: rooms.slice(0, count), start: atMinute(day, from), end: atMinute(day, from + 60) };
    }
  }
  throw new Error("there is no free time on this day and the next ones");
}

const people = ["alice@example.com", "bob@example.com", "carol@example.com"];
let turn = 0;
const somebody = () => people[turn++ % people.length];

async function bookFree(side, count, more = {}, days = 1) {
  const slot = free(count, days), person = somebody();
  await book({ side, person, subject: "Meeting", ...slot, ...more });
  if (slot.day !== view.day) view.day = slot.day;
  say(nameOf(person) + " books " + slot.rooms.map(roomName).join(" and ") + " in " + side);
}

const deeds = {
  eliona: () => bookFree("eliona", 1),
  outlook: () => bookFree("outlook", 1, { subject: "Review" }),
  series: () => bookFree("outlook", 1, { subject: "Stand-up", repeat: "daily 3" }, 3),
  rooms: () => bookFree("eliona", 2),
  cut: cutNetwork,
  crash: letCrash,
  async decline() {
    const slot = free(1), room = slot.rooms[0], person = somebody();
    await letDecline(room, true);
    try {
      await book({ side: "eliona", person, ...slot });
      view.day = slot.day;
      await new Promise((done) => setTimeout(done, 4000)); // the room answers after a second
    } finally {
      await letDecline(room, false);
    }
  },
};

for (const button of document.querySelectorAll("[data-try]")) {
  button.addEventListener("click", async () => {
    if (!view.board) return;
    button.disabled = true;
    complain("");
    try { await deeds[button.dataset.try](); } catch (e) { complain(e.message); }
    button.disabled = false;
  });
}
