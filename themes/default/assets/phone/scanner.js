// Reading a QR code with the camera inside the page, where the browser can (BarcodeDetector).

export async function canScan() {
  if (!navigator.mediaDevices?.getUserMedia || typeof BarcodeDetector !== "function") return false;
  try {
    return (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
  } catch {
    return false;
  }
}

/**
 * Shows the camera in `video` and answers the text of the first code for which `accept(text)` is true.
 * Ends when `signal` is aborted (answers null). Rejects when there is no camera or it may not be used.
 */
export async function scan(video, accept, signal) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "environment", width: { ideal: 1280 } },
  });
  try {
    if (signal.aborted) return null;
    video.srcObject = stream;
    // iOS shows a video in full screen unless told otherwise.
    video.setAttribute("playsinline", "");
    video.muted = true;
    await video.play();
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    while (!signal.aborted) {
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        const found = await detector.detect(video).catch(() => []);
        for (const code of found) if (accept(code.rawValue)) return code.rawValue;
      }
      await new Promise((resume) => setTimeout(resume, 120));
    }
    return null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}
