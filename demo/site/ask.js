// What the page asks of the demonstration, and of the people in it.

export async function ask(method, path, body) {
  const answer = await fetch(path, {
    method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  let value = null;
  try { value = text ? JSON.parse(text) : null; } catch { value = { error: text }; }
  if (!answer.ok) throw new Error((value && value.error) || answer.statusText);
  return value;
}

export const board = () => ask("GET", "api/board");
export const letCrash = () => ask("POST", "api/app", { action: "crash" });
export const cutNetwork = () => ask("POST", "api/network", {});
export const letDecline = (room, on) => ask("POST", "control/rooms", { room, automate: on ? "decline" : "accept" });

const act = (deed) => ask("POST", "control/people", deed);

// book books as a person does: side, person, start, end, rooms, and maybe
// subject and repeat ("weekly 4").
export function book({ side, person, subject, start, end, rooms, repeat }) {
  const deed = { where: side, action: "book", person, rooms, start: start.toISOString(), end: end.toISOString() };
  if (side === "outlook" && subject) deed.subject = subject;
  if (repeat) {
    const [pattern, count] = repeat.split(" ");
    deed.recurrence = { pattern, count: Number(count) };
  }
  return act(deed);
}

// whose names an entry as its side does.
function whose(entry) {
  if (entry.side === "eliona") return { where: "eliona", bookingID: entry.bookingID };
  const named = { where: "outlook", person: entry.organizer, uid: entry.uid };
  if (entry.original) named.occurrence = entry.original;
  return named;
}

export const move = (entry, start, end) => act({ ...whose(entry), action: "move", start: start.toISOString(), end: end.toISOString() });
export const changeRooms = (entry, rooms) => act({ ...whose(entry), action: "change-rooms", rooms });
export const cancel = (entry) => act({ ...whose(entry), action: "cancel" });
export function cancelSeries(entry) {
  if (entry.side === "eliona") return act({ where: "eliona", action: "cancel", groupID: entry.group });
  return act({ where: "outlook", action: "cancel", person: entry.organizer, uid: entry.uid });
}
