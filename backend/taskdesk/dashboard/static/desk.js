// Beside rq-dashboard's own scripts, and after their libraries.

// Its templates come compiled (edits.py): the page may not compile them.
_.template = (text) => {
  const script = [...document.querySelectorAll("script[type='text/template']")].find((one) => one.innerHTML === text);
  return window.compiled[script.getAttribute("name")];
};

// What was refused is said.
$(document).ajaxError((event, answer, request) => {
  if (request.type !== "POST") return;
  const refusal = answer.responseJSON || { detail: "There was no answer. Please try again." };
  const box = $("<div role='alert' class='alert alert-warning sticky-top'>").text(`${refusal.detail} `);
  if (refusal.page) box.append($("<a>").attr("href", refusal.page).text("Open it"));
  $("[role=alert]").remove();
  $(".container").first().prepend(box);
});
