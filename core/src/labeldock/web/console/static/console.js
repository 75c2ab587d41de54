// What every page has beyond its HTML: the reader's time zone, parts that look again,
// forms that are sent once. Everything works without it.
import { keepFresh } from "./refresh.js";
import { localize } from "./times.js";

localize(document);

for (const part of document.querySelectorAll("[data-refresh]")) keepFresh(part);

// What a form was refused for is read out, and is where the keyboard goes on.
document.querySelector("[data-focus]")?.focus();

// On a narrow screen the sections lie in a row that scrolls: show where one is.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// One menu at a time; Escape and a click elsewhere close it.
const menus = document.querySelectorAll("details.menu");
addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) {
    if (menu.open && menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
});

// A second click must not ask for the same thing again.
addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button")) button.ariaBusy = "true";
});
// The browser's way back shows the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.ariaBusy = null;
  }
});
