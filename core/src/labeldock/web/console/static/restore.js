// Sends an archive in pieces, so that a connection that breaks costs a piece (tus 1.0).
const form = document.querySelector("[data-restore]");
let piece = 8 * 1024 * 1024;
const LEAST = 64 * 1024;
const TRIES = 6;
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
let begun = {}; // the file whose sending began, and where it goes

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.stopPropagation();
  const file = document.getElementById("archive").files[0];
  const [bar, told, button] = ["progress", "[data-told]", "button"].map((each) => form.querySelector(each));
  button.disabled = true;
  bar.hidden = false;
  const tell = (offset) => {
    bar.value = file.size ? (100 * offset) / file.size : 0;
    told.textContent = `${Math.floor(bar.value)} % sent`;
  };
  try {
    if (begun.file !== file) begun = { file, place: await begin(file) };
    await send(file, begun.place, tell);
    form.elements.upload.value = begun.place.split("/").pop();
    form.submit();
    form.elements.upload.value = ""; // the way back begins anew
    begun = {};
  } catch (error) {
    told.textContent = `${error.message} Nothing was restored.`;
  }
  button.disabled = false;
});

async function begin(file) {
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
  const headers = { "Upload-Length": String(file.size), "Upload-Metadata": `filename ${name}` };
  const answer = await ask("/api/projects/backup/uploads", "POST", headers);
  if (!answer) throw new Error("The server does not answer. Try again.");
  if (!answer.ok) throw new Error(await explain(answer));
  return answer.headers.get("Location");
}

async function send(file, place, tell) {
  let offset = await look(place, 0);
  for (let failures = 0; offset < file.size; tell(offset)) {
    const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
    const answer = await ask(place, "PATCH", headers, file.slice(offset, offset + piece));
    if (answer?.ok) {
      offset = Number(answer.headers.get("Upload-Offset"));
      failures = 0;
      continue;
    }
    if (answer?.status === 413 && piece > LEAST) {
      piece /= 4; // the server, or a proxy before it, takes less at once
      continue;
    }
    if (answer && answer.status < 500 && answer.status !== 409) throw new Error(await explain(answer));
    if (++failures === TRIES) throw new Error("The server does not answer. Try again: it goes on from there.");
    await pause(2 ** failures / 4);
    offset = await look(place, offset); // what arrived of the piece need not be sent again
  }
}

async function look(place, known) {
  const answer = await ask(place, "HEAD");
  return answer?.ok ? Number(answer.headers.get("Upload-Offset")) : known;
}

// The answer; null if there is none.
function ask(path, method, headers = {}, body = null) {
  return fetch(path, { method, headers: { "Tus-Resumable": "1.0.0", ...headers }, body }).catch(() => null);
}

async function explain(answer) {
  const said = await answer.json().catch(() => ({}));
  const found = Object.values(said.validation_errors ?? {}).flat();
  return found.join(" ") || (said.detail ?? "The archive was refused.");
}
