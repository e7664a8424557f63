// The frame of SockJS: does on our origin what a page asks for by messages (docs/cas.md).
//
// Speaks to sockjs-client 1.x in its own words: "s" starts a transport, "m" sends, "c" closes; back come "s" (ready),
// "t" (a frame) and "c" (the end, with code and reason). Only pages of our own origin are heard: no other may frame this.
// A script of the old kind: the page that loads it calls `SockJS.bootstrap_iframe`.

{
  const LOST = 1006;
  const RECEIVERS = { eventsource: events, htmlfile: (line) => answers(line, "xhr_streaming"), "xhr-polling": (line) => answers(line, "xhr") };

  const id = location.hash.slice(1);
  let current = null;

  function tell(type, data = "") {
    parent.postMessage(JSON.stringify({ windowId: id, type, data }), location.origin);
  }

  /** A frame came; after a closing one nothing follows. */
  function heard(line, frame) {
    if (frame.startsWith("c")) stop(line);
    tell("t", frame);
  }

  function stop(line) {
    line.isOver = true;
    line.leaving.abort();
  }

  function lost(line) {
    if (line.isOver) return;
    stop(line);
    tell("c", JSON.stringify([LOST, "Connection lost"]));
  }

  /** Server-sent events. The server ends an answer that has grown long; then another one is asked for. */
  function events(line) {
    const source = new EventSource(`${line.url}/eventsource`);
    line.leaving.signal.addEventListener("abort", () => source.close());
    source.addEventListener("message", ({ data }) => heard(line, data));
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) lost(line);
    });
  }

  /** One answer after another: each with one frame, or with as many as come. */
  async function answers(line, path) {
    try {
      while (!line.isOver) {
        const answer = await fetch(`${line.url}/${path}`, { method: "POST", signal: line.leaving.signal });
        if (!answer.ok) break;
        await read(line, answer.body.pipeThrough(new TextDecoderStream()).getReader());
      }
    } catch {
      // The network failed, or the page left.
    }
    lost(line);
  }

  async function read(line, reader) {
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done || line.isOver) return;
      const frames = (rest + value).split("\n");
      rest = frames.pop();
      for (const frame of frames) if (frame && !line.isOver) heard(line, frame);
    }
  }

  /** Says what waits, in its order. */
  async function send(line) {
    if (line.isSending) return;
    line.isSending = true;
    try {
      while (line.unsent.length > 0 && !line.isOver) {
        const body = `[${line.unsent.splice(0).join(",")}]`;
        const answer = await fetch(`${line.url}/xhr_send`, {
          method: "POST", headers: { "content-type": "text/plain" }, body, signal: line.leaving.signal,
        });
        if (!answer.ok) throw new Error("not taken");
      }
    } catch {
      lost(line);
    }
    line.isSending = false;
  }

  function begin(data) {
    const [, transport, url, base] = JSON.parse(data);
    const receive = RECEIVERS[transport];
    const isOurs = [url, base].every((address) => new URL(address, location.href).origin === location.origin);
    if (current || !receive || !isOurs) return;
    current = { url, unsent: [], isSending: false, isOver: false, leaving: new AbortController() };
    receive(current);
  }

  function listen({ source, origin, data }) {
    if (source !== parent || origin !== location.origin) return;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message?.windowId !== id) return;
    if (message.type === "s") begin(message.data);
    if (message.type === "m" && current) {
      current.unsent.push(message.data);
      send(current);
    }
    if (message.type === "c" && current) stop(current);
  }

  globalThis.SockJS = {
    bootstrap_iframe() {
      addEventListener("message", listen);
      tell("s");
    },
  };
}
