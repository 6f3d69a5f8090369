// Recordings that are dropped anywhere on the page go into its uploader, as if chosen there:
// Streamlit itself uploads them, by the address that its door watches. Where the uploader is
// in a form, its button is pressed once they are there.

import { newestOnly } from "./newest_drawing.js";

const UPLOADER = '[data-testid="stFileUploaderDropzone"]';
const ON_ITS_WAY = '[data-testid="stFileChipIconSpinner"]';
const FILE = '[data-testid="stFileChip"]';
const REFUSED = '[data-testid="stFileChipIconError"]';
const TOLD_MS = 8000;
const LOOK_EVERY_MS = 200;
const SHOWN_WITHIN_LOOKS = 50;

function brings(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

// Above the page, and takes no events itself; inside of the app, so that it follows the theme.
function above(kind, text) {
  const element = document.createElement("div");
  element.className = `calmscore-drop ${kind}`;
  element.setAttribute("role", "status");
  element.textContent = text;
  (document.querySelector(".stApp") ?? document.body).append(element);
  return element;
}

function tell(text) {
  const told = above("told", text);
  setTimeout(() => told.remove(), TOLD_MS);
}

function pressWhenThere(selector) {
  const told = above("told", "Uploading…");
  let looks = 0;
  const watch = setInterval(() => {
    looks += 1;
    const area = document.querySelector(selector);
    const button = area?.querySelector('[data-testid="stFormSubmitButton"] button');
    const shown = area?.querySelector(FILE);
    if (area && !shown && looks < SHOWN_WITHIN_LOOKS) return;
    if (button?.disabled || area?.querySelector(ON_ITS_WAY)) return;
    clearInterval(watch);
    told.remove();
    if (!button || !shown) return;
    if (area.querySelector(REFUSED)) tell("Not all could be uploaded. See “Add calls” below.");
    else button.click();
    area.scrollIntoView({ block: "center" });
  }, LOOK_EVERY_MS);
}

function put(files, { uploader, suffixes, presses }) {
  const selector = `.st-key-${uploader}`;
  const input = document.querySelector(`${selector} input[type="file"]`);
  if (!input || document.querySelector('[role="dialog"]')) return;
  const isRecording = ({ name }) => suffixes.some((suffix) => name.toLowerCase().endsWith(suffix));
  const recordings = files.filter(isRecording);
  const others = files.filter((file) => !isRecording(file)).map(({ name }) => name);
  if (others.length) tell(`Not a recording by its name, and left out: ${others.join(", ")}`);
  else if (!input.multiple && recordings.length > 1)
    tell(`One recording at a time: ${recordings[0].name} was taken.`);
  if (!recordings.length) return;
  const taken = new DataTransfer();
  (input.multiple ? recordings : recordings.slice(0, 1)).forEach((file) => taken.items.add(file));
  input.files = taken.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  if (presses) pressWhenThere(selector);
}

export default newestOnly(({ data }) => {
  const veil = above("veil", data.invitation);
  veil.hidden = true;

  const over = (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    veil.hidden = Boolean(event.target.closest?.(UPLOADER));
  };
  const leave = (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  };
  const drop = (event) => {
    if (!brings(event)) return;
    veil.hidden = true;
    if (event.target.closest?.(UPLOADER)) return;
    // The browser would leave the page and show the file.
    event.preventDefault();
    put([...event.dataTransfer.files], data);
  };

  const handlers = { dragenter: over, dragover: over, dragleave: leave, drop };
  for (const [name, handler] of Object.entries(handlers)) document.addEventListener(name, handler);
  return () => {
    for (const [name, handler] of Object.entries(handlers))
      document.removeEventListener(name, handler);
    veil.remove();
  };
});
