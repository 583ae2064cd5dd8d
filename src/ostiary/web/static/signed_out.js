// Goes on as soon as every application has been told in its frame. Without this script, or where
// one does not answer, the page itself goes on a little later.
(function () {
  "use strict";
  var to = document.currentScript.dataset.to;
  var loaded = 0;
  var complete = false;

  function goOn() {
    if (to && complete && loaded >= document.querySelectorAll("iframe").length) {
      location.replace(to);
      to = "";
    }
  }

  document.addEventListener("load", function (event) {
    if (event.target.tagName === "IFRAME") {
      loaded += 1;
      goOn();
    }
  }, true);
  document.addEventListener("DOMContentLoaded", function () {
    complete = true;
    goOn();
  });
})();
