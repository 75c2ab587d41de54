// Parts of a page that look again: the page is asked for anew, and a part with the same
// id is put in its place. It ends when the new part no longer asks for it.
import { localize } from "./times.js";

export function keepFresh(part) {
  const pause = 1000 * Number(part.dataset.refresh || 5);
  setTimeout(() => look(part, pause), pause);
}

async function look(part, pause) {
  if (!part.isConnected) return;
  const isBusy = document.hidden || part.querySelector("details[open]") || part.contains(document.activeElement);
  if (isBusy) return void setTimeout(() => look(part, pause), pause);
  let fresh = null;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) return location.reload(); // the session has ended
    if (answer.ok) fresh = find(await answer.text(), part.id);
  } catch {
    // the server is away; the next look may find it
  }
  if (!fresh) return void setTimeout(() => look(part, 2 * pause), 2 * pause);
  replace(part, fresh);
}

function find(text, id) {
  return new DOMParser().parseFromString(text, "text/html").getElementById(id);
}

export function replace(part, fresh) {
  localize(fresh);
  part.replaceWith(fresh);
  if ("refresh" in fresh.dataset) keepFresh(fresh);
}
