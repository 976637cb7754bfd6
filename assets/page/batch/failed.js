// The event never ran or broke off: the line was full, or the server went away.
() => {
  document.querySelector("#batch .batch").dispatchEvent(new Event("ser:failed"));
}
