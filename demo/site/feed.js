// The middle: how the app is, whether both sides agree, and what passes.

import { clock, make, names, pad, say, view } from "./view.js";

const $ = (id) => document.getElementById(id);
const time = (t) => { const d = new Date(t); return clock(d) + ":" + pad(d.getSeconds()); };
let spoken = 0;
const passed = {};

// wires lets a wire light up when something passed on it.
function wires(board) {
  for (const side of ["outlook", "eliona"]) {
    const newest = (board.flow || []).filter((p) => p.side === side).map((p) => p.id + ":" + p.times)[0] || "";
    const wire = document.querySelector(side === "outlook" ? ".wire.left" : ".wire.right");
    if (passed[side] !== undefined && passed[side] !== newest) {
      wire.classList.remove("pulse");
      void wire.offsetWidth; // begins the animation anew
      wire.classList.add("pulse");
    }
    passed[side] = newest;
  }
}

function state(board) {
  const seconds = (ms) => Math.ceil(ms / 1000) + " s";
  if (!board.app) return ["down", board.starts > 0 ? "killed; starts again in " + seconds(board.starts) : "not running; starting …"];
  if (board.cut > 0) return ["cut", "no network for " + seconds(board.cut)];
  return [board.status === "all is well" ? "well" : "trouble", board.status === "all is well" ? "running, all is well" : "running: " + board.status];
}

function set(element, text, kind) {
  if (element.textContent !== text) element.textContent = text;
  if (kind !== undefined && element.dataset.kind !== kind) element.dataset.kind = kind;
}

export function drawState() {
  const board = view.board, [kind, text] = state(board);
  set($("state"), text);
  $("app").dataset.kind = kind;
  const total = board.same + board.differ;
  if (total === 0) set($("agree"), "nothing is booked yet", "well");
  else if (board.differ === 0) set($("agree"), "✓ both sides agree: " + total + " of " + total, "well");
  else set($("agree"), "… " + board.same + " of " + total + " are on both sides", "moving");
  set($("counts"), "Requests: Exchange " + board.counts.exchange + " · Booking " + board.counts.booking + " · Eliona " + board.counts.eliona);
  wires(board);
}

function happening(e) {
  const far = names[e.side === "outlook" ? "eliona" : "outlook"];
  let took = e.outcome || "", kind = "";
  if (e.waiting) [took, kind] = ["on its way to " + far + " …", "waits"];
  if (e.latency != null) took = "in " + far + (e.latency < 300 ? " at once" : " after " + (e.latency / 1000).toFixed(1) + " s");
  return make("li", { class: "event " + e.side }, make("time", {}, time(e.time)), make("span", { class: "what" }, make("span", { class: "words", title: e.text }, make("b", {}, names[e.side] || ""), " " + e.text),
    ...(took ? [make("span", { class: "took " + kind }, took)] : [])));
}

function passage(p) {
  const arrow = p.call ? (p.side === "outlook" ? "◀" : "▶") : "●";
  const status = p.status && p.status !== "NoError" ? " " + p.status : "";
  return make("li", { class: "passage " + p.side + (p.failed ? " failed" : "") }, make("time", {}, time(p.time)),
    make("span", { class: "what" }, make("span", { class: "arrow", "aria-hidden": "true" }, arrow),
      make("span", {}, (p.call ? "The app " : "") + p.text + (p.call && p.times > 1 ? " ×" + p.times : ""), ...(p.call ? [make("code", {}, p.call + status)] : []))));
}

export function drawFeed() {
  const board = view.board, events = board.events || [], flow = board.flow || [], feed = $("feed");
  const key = JSON.stringify([events.map((e) => [e.id, e.latency, e.waiting, e.outcome]), flow.map((p) => [p.id, p.times, p.text])]);
  if (key === feed.dataset.key) return;
  feed.dataset.key = key;
  const rows = [...events.map((e) => [new Date(e.time).getTime(), happening(e)]), ...flow.map((p) => [new Date(p.time).getTime(), passage(p)])];
  rows.sort((a, b) => b[0] - a[0]);
  feed.replaceChildren(...(rows.length ? rows.slice(0, 80).map((r) => r[1]) : [make("li", { class: "empty" }, "Nothing yet.")]));
  const done = events.filter((e) => !e.waiting && e.id > spoken);
  if (done.length && spoken) say(done[0].text + (done[0].latency != null ? ", followed after " + (done[0].latency / 1000).toFixed(1) + " seconds" : ""));
  if (events.length) spoken = Math.max(spoken, 1, ...done.map((e) => e.id));
}
