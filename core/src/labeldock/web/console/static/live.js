// The page of a run, live: the server sends the part that changes, as HTML that it made,
// whenever it has changed. When the stream cannot be had, the page looks again instead.
import { keepFresh } from "./refresh.js";
import { localize } from "./times.js";

const part = document.querySelector("[data-live]");
if (part) listen(part);

function listen(part) {
  const source = new EventSource(part.dataset.live);
  source.addEventListener("part", (event) => {
    part.innerHTML = event.data; // escaped where it was made
    localize(part);
  });
  // What can be done with a run that has ended is beside the part.
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    part.dataset.refresh = "5";
    keepFresh(part);
  };
  addEventListener("pagehide", () => source.close());
}
