// What changes by itself while a page is open shows by itself: a device that is being paired waits
// half a minute for its answer, and a scale is on the air for seconds. Each part of a page that has
// an address in data-look is asked for again, and swapped if it reads otherwise.
"use strict";

const LOOK_EVERY_MS = 3000;

async function look(part) {
  if (document.hidden) {
    return;
  }
  const answer = await fetch(part.dataset.look, { cache: "no-store", headers: { "X-Part": "yes" } });
  if (answer.status === 403) {
    location.replace("/enter"); // not let in any more: nor is what stands here to be seen
    return;
  }
  const text = (await answer.text()).trim();
  const shown = part.dataset.shown;
  if (!answer.ok || text === shown || part.contains(document.activeElement)) {
    return; // somebody types there, or is about to press a button
  }
  if (shown !== undefined || text !== "") {
    const page = new DOMParser().parseFromString(text, "text/html");
    part.replaceChildren(...page.body.childNodes);
  }
  part.dataset.shown = text;
}

for (const part of document.querySelectorAll("[data-look]")) {
  setInterval(() => look(part).catch(() => {}), LOOK_EVERY_MS); // without the hub nothing is new
}
