// Checking and looking, without leaving the form: what was typed stays, secrets too.
import { localize } from "./times.js";

const form = document.querySelector("[data-connect]");

form?.addEventListener("submit", async (event) => {
  const action = event.submitter?.value;
  if (action !== "check" && action !== "preview") return;
  event.preventDefault();
  event.stopPropagation();
  const findings = document.getElementById("findings");
  findings.ariaBusy = "true";
  event.submitter.ariaBusy = "true";
  const sent = new URLSearchParams(new FormData(form, event.submitter));
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body: sent, headers: { Accept: "text/html" } });
    if (answer.redirected) return form.submit(); // the session has ended
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    findings.textContent = "The server did not answer. Try again.";
  } finally {
    event.submitter.ariaBusy = null;
    document.getElementById("findings").ariaBusy = null;
  }
});

// What was found, and what is said at each field; the fields themselves stay.
function show(page) {
  const fresh = page.getElementById("findings");
  if (!fresh) return;
  localize(fresh);
  document.getElementById("findings").replaceWith(fresh);
  for (const input of form.elements) {
    const other = input.id && page.getElementById(input.id);
    if (!other) continue;
    for (const old of input.parentElement.querySelectorAll(".error")) old.remove();
    for (const text of other.parentElement.querySelectorAll(".error")) input.parentElement.append(text);
    input.ariaInvalid = other.ariaInvalid;
  }
  fresh.scrollIntoView({ block: "nearest" });
}
