// Keeps the kiosk's screen in step with the turn. What is shown comes from the server each time; here
// nothing is stored, and whatever is in doubt empties the screen.
"use strict";

const BYE_MS = 12000; // long enough to read three lines
const SILENCE_MS = 25000; // the gateway tells every ten seconds that it lives
const GONE_MS = 4000; // after the connection broke: a restart of the gateway ends the turn on the screen
const TELL_EVERY_MS = 5000; // the hub hears of a touch, not of every one
const IN_USE = ["consent", "pairing", "name", "ending", "receipt"]; // a person reads or types there: only the end of the turn interrupts

const turn = () => document.getElementById("turn");
let asked = 0; // an answer that was overtaken by a later question is dropped
let acting = 0; // what a person asked for is not overtaken by news; the news wait
let news = false;
let ends = null;
let silence = null;
let gone = null;
let goodbye = null;
let hides = null;
let toldAt = -Infinity; // when the hub was told last that somebody is there
let later = null;
let forgets = null;

function show(text, wanted) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const next = page.getElementById("turn") ?? told(page);
  const now = turn();
  const same = now.dataset.view === next.dataset.view && now.dataset.session === next.dataset.session;
  if (!wanted && busy(now, next)) {
    keepTime(now, next);
    return;
  }
  document.title = next.dataset.title ?? document.title;
  document.documentElement.lang = next.lang || document.documentElement.lang;
  if (same && ["turn", "away"].includes(now.dataset.view)) {
    refresh(now, next);
  } else if (!same || wanted) {
    clearTimeout(goodbye);
    now.replaceWith(next);
    window.scrollTo(0, 0);
    attend(next);
    if (next.dataset.view === "bye") {
      goodbye = setTimeout(() => ask(true), BYE_MS);
    }
  }
  watch();
}

// Where something has to be put right there, else at the beginning.
function attend(view) {
  const wrong = view.querySelector("[autofocus]");
  (wrong ?? view.querySelector("h1"))?.focus({ preventScroll: wrong === null });
}

// What is no turn is a sentence of the gateway that somebody should read.
function told(page) {
  const sentence = document.createElement("div");
  Object.assign(sentence, { id: "turn", className: "problem" });
  Object.assign(sentence.dataset, { view: "problem", session: "", lost: turn().dataset.lost });
  sentence.append(...page.body.childNodes);
  return sentence;
}

function busy(now, next) {
  if (now.dataset.view === "bye") {
    return next.dataset.view === "idle";
  }
  if (next.dataset.view === "away" && now.dataset.view !== "pairing") {
    return false; // whoever signs in with a telephone touches nothing for a while, and nothing of them is shown
  }
  return IN_USE.includes(now.dataset.view) && now.dataset.session === next.dataset.session;
}

// Whoever reads or types goes on with that; only the time that is left is brought up to date.
function keepTime(now, next) {
  const old = now.querySelector("#until");
  const part = next.querySelector("#until");
  if (old === null || part === null) {
    return;
  }
  bringTimes(now, next);
  if (old.dataset.key !== part.dataset.key) {
    swap(old, part);
  }
  watch();
}

function bringTimes(now, next) {
  now.dataset.left = next.dataset.left;
  if (now.dataset.whole === undefined || next.dataset.attended === undefined) {
    delete now.dataset.attended; // it asks nobody, or the turn ends before
  } else {
    now.dataset.attended = next.dataset.attended;
  }
}

function swap(old, part) {
  const focused = old.contains(document.activeElement);
  old.replaceChildren(...part.childNodes);
  old.dataset.key = part.dataset.key;
  if (focused) {
    old.querySelector("button")?.focus();
  }
}

// Within a turn only what has changed is swapped, so that nobody loses what they are typing.
function refresh(now, next) {
  bringTimes(now, next);
  for (const part of next.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (old.dataset.key !== part.dataset.key) {
      swap(old, part);
    }
  }
}

// The end of the turn is kept here too: the screen empties itself even if nobody tells it to.
function watch() {
  watchTouches();
  clearTimeout(ends);
  const now = turn();
  if (now.dataset.returns !== undefined) {
    ends = setTimeout(() => ask(true), now.dataset.returns * 1000 + 500); // the choice is over by then
  }
  if (now.dataset.left === undefined) {
    return;
  }
  const left_ms = now.dataset.left * 1000;
  const soon_ms = now.dataset.soon * 1000;
  const soon = document.getElementById("soon");
  ends = setTimeout(() => {
    if (soon !== null) {
      soon.hidden = false;
    }
    ends = setTimeout(() => { empty(); ask(true); }, Math.min(left_ms, soon_ms));
  }, Math.max(0, left_ms - soon_ms));
}

// Who touches nothing may have gone: what is shown is hidden, after a warning.
function watchTouches() {
  clearTimeout(hides);
  const now = turn();
  const warn = (soon) => ["still", "still-here"].forEach((id) => {
    document.getElementById(id)?.toggleAttribute("hidden", !soon);
  });
  warn(false);
  if (now.dataset.attended === undefined) {
    return; // nothing is shown, or the turn ends before
  }
  const left_ms = now.dataset.attended * 1000;
  const warned_ms = now.dataset.warned * 1000;
  hides = setTimeout(() => {
    warn(true);
    hides = setTimeout(() => { empty(); ask(true); }, Math.min(left_ms, warned_ms));
  }, Math.max(0, left_ms - warned_ms));
}

async function touched() {
  const now = turn();
  const form = document.getElementById("here");
  if (form === null || now.dataset.attended === undefined) {
    return;
  }
  const wait_ms = toldAt + TELL_EVERY_MS - performance.now();
  if (wait_ms > 0) {
    later ??= setTimeout(() => { later = null; touched(); }, wait_ms);
    return;
  }
  toldAt = performance.now();
  try {
    const fields = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body: fields, headers: { "X-Part": "turn" } });
    if (turn() !== now) {
      return;
    }
    if (answer.status === 204) {
      now.dataset.attended = now.dataset.whole;
      watchTouches();
    } else {
      ask(false);
    }
  } catch {
    toldAt = -Infinity; // the next touch tells it
  }
}

function empty() {
  clearTimeout(ends);
  clearTimeout(hides);
  const blank = document.createElement("p");
  blank.id = "turn";
  blank.className = "idle";
  blank.dataset.view = "lost";
  blank.dataset.session = "";
  blank.dataset.lost = turn().dataset.lost;
  blank.textContent = blank.dataset.lost;
  turn().replaceWith(blank);
}

async function load(address, options, wanted) {
  if (!wanted && acting > 0) {
    news = true;
    return;
  }
  const mine = ++asked;
  acting += wanted ? 1 : 0;
  try {
    const answer = await fetch(address, { ...options, cache: "no-store", headers: { "X-Part": "turn" } });
    const text = await answer.text();
    if (answer.status === 403 && text === "") {
      location.replace("/kiosk"); // not let in any more
    } else if (mine === asked) {
      show(text, wanted);
    }
  } catch {
    if (mine === asked) {
      empty();
    }
  } finally {
    acting -= wanted ? 1 : 0;
  }
  if (news && acting === 0) {
    news = false;
    ask(false);
  }
}

const ask = (wanted) => load("/kiosk", {}, wanted);

function listen() {
  const events = new EventSource("/kiosk/events");
  const heard = () => {
    clearTimeout(silence);
    clearTimeout(gone);
    gone = null;
    silence = setTimeout(empty, SILENCE_MS);
  };
  events.addEventListener("turn", () => { heard(); ask(false); });
  events.addEventListener("alive", () => {
    heard();
    if (turn().dataset.view === "lost") {
      ask(true);
    }
  });
  events.addEventListener("error", () => {
    gone ??= setTimeout(empty, GONE_MS); // the browser tries again, and fails again, all the time
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(listen, 3000);
    }
  });
  heard();
}

for (const touch of ["pointerdown", "keydown", "wheel", "touchmove"]) {
  document.addEventListener(touch, touched, { passive: true });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.action.startsWith(location.origin + "/kiosk/")) {
    return; // the choice of language loads the page anew
  }
  event.preventDefault();
  if (form.id === "here") {
    touched();
    return;
  }
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  const moves = form.id !== "until"; // more time leaves everybody where they are
  if (moves) {
    form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  }
  load(form.action, { method: "POST", body: fields }, moves);
});

// A picture that was chosen, and left there, would tell it to whoever comes next.
document.addEventListener("change", (event) => {
  const { name, form } = event.target;
  if (name === "picture") {
    clearTimeout(forgets);
    forgets = setTimeout(() => form.reset(), turn().dataset.forgets * 1000);
  }
});

// The second tap of a trembling hand is meant for what was there before.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest("button, a")) {
    event.preventDefault();
  } else if (event.target.closest("[data-back]")) {
    event.preventDefault();
    ask(true);
  }
});

// A page that comes back from the browser's memory would show somebody who has gone.
window.addEventListener("pagehide", empty);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    location.reload();
  }
});

watch();
listen();
