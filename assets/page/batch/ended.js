// The event is over: the lot was answered, or was taken out of the line.
() => {
  document.querySelector("#batch .batch").dispatchEvent(new Event("ser:ended"));
}
