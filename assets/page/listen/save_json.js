// The file is made in the browser: nothing is written on the server.
(text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `${JSON.parse(text).file.replace(/\.[^.]*$/, "")}.emotion.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
