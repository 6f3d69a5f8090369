export function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

export function madeButton(className, text) {
  const button = made("button", className, text);
  button.type = "button";
  return button;
}
