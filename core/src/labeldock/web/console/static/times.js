// Times in the reader's zone and language: `data-zone` shows them, `data-age` names them.
const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function localize(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    if ("zone" in time.dataset) time.textContent = shown.format(at);
    time.title = exact.format(at);
  }
}
