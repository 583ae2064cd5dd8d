// Runs before anything is painted: the colours that were chosen here, else the system's.
(function () {
  "use strict";
  try {
    var chosen = localStorage.getItem("colours");
    if (chosen === "dark" || chosen === "light") {
      document.documentElement.setAttribute("data-bs-theme", chosen);
    }
  } catch (error) {
    // Storage is blocked: the style sheet follows the system by itself.
  }
})();
