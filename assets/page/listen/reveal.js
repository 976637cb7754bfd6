// On a phone the result lies below the recording: bring it into view, by no more than it takes.
() => {
  document.getElementById("result").scrollIntoView({ block: "nearest", behavior: "smooth" });
}
