const PLAYER = ".st-key-player audio";
const shownData = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  // Drawn again only when there is something new: the place of the list stays.
  const drawn = JSON.stringify(data);
  if (shownData.get(parentElement) === drawn) return;
  shownData.set(parentElement, drawn);
  const list = parentElement.querySelector("ol");
  const search = parentElement.querySelector("input");
  list.replaceChildren(...data.turns.map((turn) => row(turn, data.playable)));
  search.oninput = () => filter(parentElement, search.value);
  filter(parentElement, search.value);
}

function row(turn, playable) {
  const item = made("li", `${turn.speaker ?? ""} ${turn.sentiment ?? ""}`);
  const who = turn.speaker ?? "somebody";
  item.append(
    said(turn.clock, turn.start, playable, "time"),
    made("span", "who", who[0].toUpperCase() + who.slice(1)),
  );
  const text = made("span", "said");
  for (const word of turn.words) {
    const kinds = `${word.weighs ? "weighs" : ""} ${word.watched ? "watched" : ""}`;
    text.append(said(word.text, word.start, playable, kinds), " ");
  }
  item.append(text);
  return item;
}

function said(text, seconds, playable, kinds) {
  if (!playable) return made("span", kinds, text);
  const button = made("button", kinds, text);
  button.type = "button";
  // Words are many: the times alone stand in the order of the keyboard.
  if (!kinds.includes("time")) button.tabIndex = -1;
  else button.setAttribute("aria-label", `Play from ${text}`);
  button.onclick = () => play(seconds);
  return button;
}

function play(seconds) {
  const audio = document.querySelector(PLAYER);
  if (!audio) return;
  const go = () => {
    audio.currentTime = seconds;
    audio.play();
  };
  // Before it knows its length a player goes nowhere; after that the page itself sets it to 0.
  if (audio.readyState) go();
  else audio.addEventListener("loadedmetadata", () => setTimeout(go), { once: true });
}

function filter(root, wanted) {
  const needle = plain(wanted);
  let count = 0;
  for (const item of root.querySelectorAll("li")) {
    const hit = plain(item.querySelector(".said").textContent).includes(needle);
    item.classList.toggle("hidden", !hit);
    count += hit;
  }
  const found = root.querySelector(".found");
  found.textContent = needle ? `${count} of ${root.querySelectorAll("li").length} turns` : "";
}

function plain(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}' ]/gu, "").replace(/\s+/g, " ").trim();
}

function made(tag, kinds, text) {
  const element = document.createElement(tag);
  if (kinds && kinds.trim()) element.className = kinds.trim();
  if (text !== undefined) element.textContent = text;
  return element;
}
