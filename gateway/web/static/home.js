// A device that is being paired waits half a minute for its answer: its question shows by itself.
"use strict";

const LOOK_EVERY_MS = 3000;
let shown = null;

async function look() {
  if (document.hidden) {
    return;
  }
  const answer = await fetch("/questions", { cache: "no-store", headers: { "X-Part": "questions" } });
  const text = (await answer.text()).trim();
  if (answer.ok && text !== shown) {
    const page = new DOMParser().parseFromString(text, "text/html");
    if (shown !== null || text !== "") {
      document.getElementById("questions").replaceChildren(...page.body.childNodes);
    }
    shown = text;
  }
}

setInterval(() => look().catch(() => {}), LOOK_EVERY_MS); // without the hub there is no question
