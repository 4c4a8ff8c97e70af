// On a narrow screen a wide picture scrolls in its figure, and a wide table in its box.
// Then the page says so (book.css), and the keyboard can reach the figure too; the theme
// sees to that for tables.
(() => {
  "use strict";
  const BOXES = '.bd-article figure[class^="align-"], .pst-scrollable-table-container';
  function look(box) {
    const scrolls = box.scrollWidth > box.clientWidth;
    box.classList.toggle("scrolls", scrolls);
    if (box.localName !== "figure") return;
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
  function watch() {
    const boxes = [...document.querySelectorAll(BOXES)];
    boxes.forEach(look);
    // After the frame: a look may change the height of what is watched.
    const sizes = new ResizeObserver((entries) => requestAnimationFrame(() => {
      entries.forEach(({ target }) => look(target));
    }));
    boxes.forEach((box) => sizes.observe(box));
  }
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", watch);
  else watch();
})();
