// A form is sent once: a second press, while the hub is still at it, would do the same again.
"use strict";

const PATIENCE_MS = 8000; // then it did not get there, or what it gave was a file and the page stays

const sent = new WeakMap();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.timeStamp - (sent.get(form) ?? -PATIENCE_MS) < PATIENCE_MS) {
    event.preventDefault();
  } else {
    sent.set(form, event.timeStamp);
  }
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    document.querySelectorAll("form").forEach((form) => sent.delete(form));
  }
});
