// Copies the invitation link. Without a clipboard (a page over plain HTTP) the link is selected, ready to be copied by key.

const link = document.getElementById("link");
const copied = document.getElementById("copied");

document.getElementById("copy").addEventListener("click", async () => {
  link.select();
  try {
    await navigator.clipboard.writeText(link.value);
    copied.textContent = "Copied.";
  } catch {
    copied.textContent = "The link is selected: press Ctrl+C, or ⌘C, to copy it.";
  }
});
link.focus();
link.select();
