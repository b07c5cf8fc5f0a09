// The stream of events of /generations, which a test writes.

window.streams = [];
const encoder = new TextEncoder();
const real = window.fetch;
window.fetch = (address, request) => {
  if (!String(address).endsWith("/generations")) return real(address, request);
  let place;
  const body = new ReadableStream({ start(controller) { place = controller; } });
  const stream = {
    asked: JSON.parse(request.body),
    accept: request.headers.Accept,
    closed: false,
    tell(name, data) { place.enqueue(encoder.encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)); },
    cut() { place.error(new TypeError("cut")); },
  };
  request.signal?.addEventListener("abort", () => { stream.closed = true; place.error(request.signal.reason); });
  window.streams.push(stream);
  return Promise.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream" } }));
};
