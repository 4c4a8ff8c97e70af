// On a narrow screen a wide picture scrolls in its figure, and a wide table in its box.
// Then the page says so (book.css), and the keyboard can reach the figure too; the theme
// sees to that for tables.
(() => {
  "use strict";
  function reach() {
    const wide = (box) => box.scrollWidth > box.clientWidth;
    for (const figure of document.querySelectorAll('.bd-article figure[class^="align-"]')) {
      figure.classList.toggle("scrolls", wide(figure));
      if (wide(figure)) figure.tabIndex = 0;
      else figure.removeAttribute("tabindex");
    }
    for (const box of document.querySelectorAll(".pst-scrollable-table-container")) {
      box.classList.toggle("scrolls", wide(box));
    }
  }
  addEventListener("resize", reach);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", reach);
  else reach();
})();
