// On a narrow screen a wide picture scrolls in its figure (book.css). Then the keyboard
// can reach the figure too.
(() => {
  "use strict";
  function reach() {
    for (const figure of document.querySelectorAll('.bd-article figure[class^="align-"]')) {
      if (figure.scrollWidth > figure.clientWidth) figure.tabIndex = 0;
      else figure.removeAttribute("tabindex");
    }
  }
  addEventListener("resize", reach);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", reach);
  else reach();
})();
