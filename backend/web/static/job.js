// Follow a job while it runs: the bar, the state and the log. At its end the page is loaded again, with the result.
const job = document.querySelector("[data-job]");
const find = (name) => job.querySelector(`[data-${name}]`);

if (job.dataset.final === "no") {
  const events = new EventSource(job.dataset.events);
  const on = (type, handle) => events.addEventListener(type, (event) => handle(JSON.parse(event.data)));

  // The log that came with the page is replayed by the stream: begin anew.
  let fresh = true;

  on("state", ({ status }) => {
    find("status").textContent = status;
    find("status").className = `badge ${status}`;
  });
  on("progress", ({ percent, message }) => {
    find("bar").value = percent;
    find("percent").textContent = `${percent} %`;
    find("message").textContent = message;
  });
  on("log", ({ text }) => {
    const log = find("log");
    const following = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    if (fresh) log.textContent = "";
    fresh = false;
    find("no-log")?.remove();
    log.append(text);
    if (following) log.scrollTop = log.scrollHeight;
  });
  on("end", () => {
    events.close();
    location.reload();
  });
}
