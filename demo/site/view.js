// What is looked at, and words for it.

export const names = { outlook: "Outlook", eliona: "Eliona", app: "App", notice: "Message" };

// view is what the page knows: the board as it was last read, the day that is
// shown, what somebody is doing with an entry, and where the focus follows one.
export const view = { board: null, day: null, busy: null, follow: null };

export const pad = (n) => String(n).padStart(2, "0");
export const clock = (t) => pad(t.getHours()) + ":" + pad(t.getMinutes());
export const isoDay = (t) => t.getFullYear() + "-" + pad(t.getMonth() + 1) + "-" + pad(t.getDate());
export const midnight = (day) => new Date(day + "T00:00");
export const atMinute = (day, minute) => { const t = midnight(day); t.setMinutes(minute); return t; };
export const longDay = (day) => midnight(day).toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long" });

export function nameOf(address) {
  const name = (address || "nobody").split("@")[0].replace("-", " ");
  return name[0].toUpperCase() + name.slice(1);
}
export const roomName = (address) => (view.board.rooms.find((r) => r.address === address) || { name: nameOf(address) }).name;

export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") element.className = value;
    else if (name === "style") for (const [property, to] of Object.entries(value)) element.style.setProperty(property, to);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export const live = (entry) => entry.state === "accepted" || entry.state === "pending" || entry.state === "declined";

// entriesOf are the entries of a day, with their minutes in it.
export function entriesOf(day) {
  const start = midnight(day), next = atMinute(day, 24 * 60), out = [];
  for (const e of view.board.entries || []) {
    const begin = new Date(e.start), finish = new Date(e.end);
    if (begin >= next || finish <= start) continue;
    out.push({ ...e, begin, finish, from: Math.max(0, (begin - start) / 60000), to: Math.min(24 * 60, (finish - start) / 60000) });
  }
  const rank = (e) => (e.state === "cancelled" ? 1 : 0);
  return out.sort((a, b) => a.from - b.from || rank(a) - rank(b) || (a.key < b.key ? -1 : 1));
}

// sameMeeting are the entries of an entry's meeting at that time, one per room.
export const sameMeeting = (entry) => (view.board.entries || []).filter((e) => e.side === entry.side && live(e) &&
  (entry.side === "eliona" ? e.bookingID === entry.bookingID : e.uid === entry.uid && (e.original || "") === (entry.original || "")));

// isSeries tells whether there are more dates of it.
export const isSeries = (entry) => Boolean(entry.original) || (entry.side === "eliona" && entry.group > 0 &&
  new Set((view.board.entries || []).filter((e) => e.group === entry.group && live(e)).map((e) => e.bookingID)).size > 1);

export function stateOf(entry) {
  if (entry.state === "pending") return "the room has not decided";
  if (entry.state === "declined") return "declined";
  if (entry.state === "cancelled") return entry.reason && entry.reason !== "cancelled" ? "cancelled: " + entry.reason : "cancelled";
  return entry.side === "eliona" ? "booking " + entry.bookingID : "accepted";
}

export function say(text) { document.getElementById("live").textContent = text; }
export function complain(text) { document.getElementById("trouble").textContent = text || ""; }
