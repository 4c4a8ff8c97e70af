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
  // A box and what is in it: a formula that is set late makes a table wider, not its box.
  function watch() {
    // After the frame: a look may change the height of what is watched.
    const sizes = new ResizeObserver((entries) => requestAnimationFrame(() => {
      new Set(entries.map(({ target }) => target.closest(BOXES))).forEach(look);
    }));
    for (const box of document.querySelectorAll(BOXES)) {
      [box, ...box.children].forEach((one) => sizes.observe(one));
    }
  }
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", watch);
  else watch();
})();
