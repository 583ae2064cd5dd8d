// Nothing here is needed: without it the console works by links and plain forms.
(function () {
  "use strict";

  // How many rows are ticked: on the button, and whether there is anything to end.
  function count(form) {
    var ticked = form.querySelectorAll("input[name=id]:checked").length;
    var all = form.querySelectorAll("input[name=id]:not(:disabled)").length;
    var bar = form.querySelector("[data-selection]");
    var everything = form.querySelector("[data-select-all]");
    if (bar) {
      bar.hidden = ticked === 0;
      var pattern = ticked === 1 ? bar.dataset.one : bar.dataset.other;
      bar.querySelector("[data-selection-count]").textContent = pattern.replace("{count}", ticked);
      var button = ticked === 1 ? bar.dataset.endOne : bar.dataset.endOther;
      bar.querySelector("[data-selection-end]").textContent = button.replace("{count}", ticked);
    }
    if (everything) {
      everything.closest("[data-needs-script]").hidden = all === 0;
      everything.checked = ticked > 0 && ticked === all;
      everything.indeterminate = ticked > 0 && ticked < all;
    }
  }

  function prepare() {
    document.querySelectorAll("form[data-select]").forEach(count);
  }

  document.addEventListener("change", function (event) {
    var form = event.target.closest("form[data-select]");
    if (!form) { return; }
    if (event.target.matches("[data-select-all]")) {
      form.querySelectorAll("input[name=id]:not(:disabled)").forEach(function (box) {
        box.checked = event.target.checked;
      });
    }
    count(form);
  });

  // "/" goes to the search box, as people are used to.
  document.addEventListener("keydown", function (event) {
    var box = document.querySelector("[data-search]");
    var typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && box && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  });

  document.addEventListener("htmx:afterSwap", prepare);
  prepare();
})();
