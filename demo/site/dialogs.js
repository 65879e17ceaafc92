// The dialogs: a new meeting or booking, and what can be done with one.

import { book, cancel, cancelSeries, changeRooms, move } from "./ask.js";
import { atMinute, clock, isSeries, isoDay, longDay, make, nameOf, pad, roomName, sameMeeting, say, stateOf, view } from "./view.js";

const $ = (id) => document.getElementById(id);
const lengths = [[15, "15 min"], [30, "30 min"], [45, "45 min"], [60, "1 h"], [90, "1½ h"], [120, "2 h"], [180, "3 h"], [240, "4 h"]];
const noMailbox = "admin@example.com";

function options(select, list, chosen) {
  if (!list.some(([value]) => String(value) === String(chosen))) list = [...list, [chosen, nice(chosen)]];
  select.replaceChildren(...list.map(([value, text]) => make("option", { value, selected: String(value) === String(chosen) }, text)));
}
const nice = (minutes) => Math.floor(minutes / 60) + ":" + pad(minutes % 60);
const starts = () => Array.from({ length: 24 * 4 }, (_, i) => [i * 15, pad(Math.floor(i / 4)) + ":" + pad((i % 4) * 15)]).slice(6 * 4, 22 * 4);
const minuteOf = (t) => t.getHours() * 60 + t.getMinutes();

function chips(form, chosen) {
  form.querySelector("[data-rooms]").replaceChildren(...view.board.rooms.map((room) => make("label", {},
    make("input", { type: "checkbox", name: "room", value: room.address, checked: chosen.includes(room.address) }), room.name)));
}

// times reads start and end of a form, on a day.
function times(form, day) {
  const start = atMinute(day, Number(form.elements.start.value));
  return [start, new Date(start.getTime() + Number(form.elements.duration.value) * 60000)];
}

// attempt does something and closes the dialog, or says what went wrong.
async function attempt(dialog, deed, done) {
  const error = dialog.querySelector("[role=alert]");
  try {
    await deed();
    dialog.close();
    say(done);
  } catch (problem) {
    error.textContent = problem.message;
  }
}

let chosen = null, bookingSide = "outlook";

export function showBooking(side, { room, from, length } = {}) {
  bookingSide = side;
  const form = $("booking-form"), dialog = $("booking");
  dialog.className = side;
  $("booking-title").textContent = side === "outlook" ? "New meeting in Outlook" : "New booking in Eliona";
  $("booking-day").textContent = longDay(view.day);
  $("booking-error").textContent = "";
  const people = view.board.people.filter((p) => side === "eliona" || p.address !== noMailbox);
  options(form.elements.person, people.map((p) => [p.address, p.name + (p.address === noMailbox ? " (no mailbox)" : "")]), form.elements.person.value || people[0].address);
  if (!people.some((p) => p.address === form.elements.person.value)) form.elements.person.selectedIndex = 0;
  options(form.elements.start, starts(), from ?? 10 * 60);
  options(form.elements.duration, lengths, length ?? 60);
  form.elements.repeat.value = "";
  for (const only of form.querySelectorAll("[data-only]")) only.hidden = only.dataset.only !== side;
  chips(form, [room || view.board.rooms[0].address]);
  dialog.showModal();
}

$("booking-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target, rooms = new FormData(form).getAll("room"), [start, end] = times(form, view.day);
  if (rooms.length === 0) { $("booking-error").textContent = "Choose a room."; return; }
  attempt($("booking"), () => book({
    side: bookingSide, person: form.elements.person.value, subject: form.elements.subject.value, start, end, rooms, repeat: form.elements.repeat.value,
  }), "Booked");
});

export function showDetails(entry) {
  chosen = entry;
  const form = $("details-form"), dialog = $("details"), meeting = entry.side === "outlook";
  dialog.className = entry.side;
  $("details-title").textContent = (meeting ? "Meeting" : "Booking") + " of " + nameOf(entry.organizer) + (entry.subject ? ": " + entry.subject : "");
  $("details-text").textContent = longDay(isoDay(entry.begin)) + ", " + clock(entry.begin) + "–" + clock(entry.finish) + ", " +
    sameMeeting(entry).map((e) => roomName(e.room)).join(" and ") + "; " + stateOf(entry) + (isSeries(entry) ? "; one date of a series" : "");
  $("details-error").textContent = "";
  options(form.elements.start, starts(), minuteOf(entry.begin));
  options(form.elements.duration, lengths, (entry.finish - entry.begin) / 60000);
  chips(form, sameMeeting(entry).map((e) => e.room));
  form.querySelector("[data-do=cancel]").textContent = isSeries(entry) ? "Cancel this date" : meeting ? "Cancel the meeting" : "Cancel the booking";
  form.querySelector("[data-do=series]").hidden = !isSeries(entry);
  dialog.showModal();
}

$("details-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target, entry = chosen, rooms = new FormData(form).getAll("room"), [start, end] = times(form, isoDay(entry.begin));
  const before = sameMeeting(entry).map((e) => e.room);
  if (rooms.length === 0) { $("details-error").textContent = "Choose a room, or cancel it."; return; }
  attempt($("details"), async () => {
    if (start.getTime() !== entry.begin.getTime() || end.getTime() !== entry.finish.getTime()) await move(entry, start, end);
    if (rooms.length !== before.length || rooms.some((r) => !before.includes(r))) await changeRooms(entry, rooms);
  }, "Saved");
});

for (const button of document.querySelectorAll("dialog [data-do]")) {
  button.addEventListener("click", () => {
    const dialog = button.closest("dialog");
    if (button.dataset.do === "cancel") attempt(dialog, () => cancel(chosen), "Cancelled");
    else if (button.dataset.do === "series") attempt(dialog, () => cancelSeries(chosen), "Cancelled");
    else dialog.close();
  });
}
for (const button of document.querySelectorAll("[data-new]")) button.addEventListener("click", () => view.board && showBooking(button.dataset.new));
