element.querySelector(".theme").addEventListener("click", () => {
  document.body.classList.toggle("dark");
});
