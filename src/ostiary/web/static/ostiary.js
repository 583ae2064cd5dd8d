// Nothing here is needed: without it every page works by links and plain forms.
(function () {
  "use strict";
  var root = document.documentElement;

  function isDark() {
    var chosen = root.getAttribute("data-bs-theme");
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function showTheme(button) {
    var label = isDark() ? button.dataset.toLight : button.dataset.toDark;
    button.hidden = false;
    button.title = label;
    button.setAttribute("aria-label", label);
  }

  document.querySelectorAll("[data-theme-toggle]").forEach(function (button) {
    showTheme(button);
    button.addEventListener("click", function () {
      var next = isDark() ? "light" : "dark";
      root.setAttribute("data-bs-theme", next);
      try {
        localStorage.setItem("colours", next);
      } catch (error) {
        // Storage is blocked: the choice holds for this page.
      }
      showTheme(button);
    });
  });

  // Clock times in the reader's own zone; the exact UTC stays in the title.
  var days = { today: 0, yesterday: -1, tomorrow: 1 };
  function localTimes(within) {
    within.querySelectorAll("time[data-local]").forEach(function (element) {
      var then = new Date(element.dateTime);
      var clock = new Intl.DateTimeFormat(root.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(then);
      var midnight = new Date();
      midnight.setHours(0, 0, 0, 0);
      var apart = Math.floor((then - midnight) / 86400000);
      var named = Object.keys(days).find(function (name) { return days[name] === apart; }) || "day";
      var pattern = root.dataset["time" + named[0].toUpperCase() + named.slice(1)];
      if (!pattern) { return; }
      var options = { day: "numeric", month: "long" };
      if (then.getFullYear() !== midnight.getFullYear()) { options.year = "numeric"; }
      var day = new Intl.DateTimeFormat(root.lang === "en" ? "en-GB" : root.lang, options).format(then);
      element.textContent = pattern.replace("{clock}", clock).replace("{day}", day);
      element.removeAttribute("data-local");
    });
  }
  localTimes(document);

  // A confirmation that htmx fetched into #dialog opens as a dialog.
  var dialog = document.getElementById("dialog");
  document.addEventListener("htmx:afterSwap", function (event) {
    localTimes(event.target);
    if (event.target === dialog && dialog.childElementCount) {
      dialog.showModal();
    }
  });
  dialog.addEventListener("click", function (event) {
    if (event.target === dialog || event.target.closest("[data-close-dialog]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("close", function () { dialog.replaceChildren(); });
})();
