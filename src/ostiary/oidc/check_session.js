// OpenID Connect Session Management 1.0, 3.2: an application posts "client_id session_state" into
// this frame and is answered "unchanged", "changed" or "error". The very same hash is made by
// domain/browser_state.py.
(function () {
  "use strict";
  var name = document.currentScript.dataset.cookie;
  var shape = /^([^\x00-\x1f\x7f]+) ([0-9a-f]{64}\.[0-9a-f]{32})$/;

  // What the browser keeps of its session here; empty: nobody is signed in.
  function state() {
    var found = document.cookie.split("; ").filter(function (pair) {
      return pair.startsWith(name + "=");
    });
    return found.length === 1 ? found[0].slice(name.length + 1) : "";
  }

  // Where the browser keeps our cookies from frames, nothing can be told; "changed" would send the
  // application to ask again and again.
  function isBlind() {
    return document.hasStorageAccess ?
      document.hasStorageAccess().then(function (has) { return !has; }) : Promise.resolve(false);
  }

  function hex(buffer) {
    return Array.from(new Uint8Array(buffer), function (octet) {
      return octet.toString(16).padStart(2, "0");
    }).join("");
  }

  function judge(text, origin) {
    var parts = typeof text === "string" && shape.exec(text);
    if (!parts || !window.crypto.subtle) {
      return Promise.resolve("error");
    }
    var salt = parts[2].split(".")[1];
    return isBlind().then(function (blind) {
      if (blind) {
        return "error";
      }
      var said = [parts[1], origin, state(), salt].join(" ");
      return crypto.subtle.digest("SHA-256", new TextEncoder().encode(said)).then(function (sum) {
        return hex(sum) + "." + salt === parts[2] ? "unchanged" : "changed";
      });
    });
  }

  window.addEventListener("message", function (event) {
    // Without a site of its own the sender cannot be answered alone.
    if (!event.source || event.source === window || event.origin === "null") {
      return;
    }
    judge(event.data, event.origin).catch(function () { return "error"; }).then(function (word) {
      event.source.postMessage(word, event.origin);
    });
  });
})();
