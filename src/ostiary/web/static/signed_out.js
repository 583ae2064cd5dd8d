// Goes on as soon as every application has been told in its frame, or patience is over. The page's
// own refresh, which works without this script, begins to count when all of them have answered.
(function () {
  "use strict";
  var to = document.currentScript.dataset.to;
  var patience = Number(document.currentScript.dataset.patience);
  var loaded = 0;
  var complete = false;

  function goOn() {
    if (to) {
      location.replace(to);
      to = "";
    }
  }

  function goOnWhenTold() {
    if (complete && loaded >= document.querySelectorAll("iframe").length) {
      goOn();
    }
  }

  document.addEventListener("load", function (event) {
    if (event.target.tagName === "IFRAME") {
      loaded += 1;
      goOnWhenTold();
    }
  }, true);
  document.addEventListener("DOMContentLoaded", function () {
    complete = true;
    goOnWhenTold();
  });
  setTimeout(goOn, patience * 1000);
})();
