// On a phone the menu lies over the page; whoever chose a page wants to see it.

import { newestOnly } from "./newest_drawing.js";

const PHONE_PIXELS = 768;
let shown;

export default newestOnly(({ data }) => {
  const chosen = data.page !== shown;
  shown = data.page;
  if (!chosen || window.innerWidth > PHONE_PIXELS) return;
  const menu = '[data-testid="stSidebar"][data-collapsed="false"]';
  document.querySelector(`${menu} [data-testid="stSidebarCollapseButton"] button`)?.click();
});
