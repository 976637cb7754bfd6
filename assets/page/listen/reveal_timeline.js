// What was pressed below the picture changes the picture: progress and result come into view.
() => {
  document.getElementById("timeline-told").scrollIntoView({ block: "center", behavior: "smooth" });
}
