// The camera: a phone's own by a file input, a live view where there is a mouse.

const REASONS = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it beside the address of this page, and try again.",
  NotFoundError: "No camera was found on this device.",
  NotReadableError: "The camera is in use by another program. Close that, and try again.",
};
let taken = 0;

/** Hide the button where there is no camera to use; `take(files)` gets what is taken. */
export const openCamera = (parts, take) => {
  const { shoot, shot, dialog, video, button, close, words } = parts;
  const byHand = matchMedia("(pointer: coarse)").matches;
  const live = Boolean(navigator.mediaDevices?.getUserMedia); // only on https and on this computer
  shoot.hidden = !(byHand || live);
  let stream = null;

  const start = async () => {
    words.textContent = "Starting the camera …";
    button.disabled = true;
    dialog.showModal();
    try {
      const wanted = { video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } }, audio: false };
      stream = await navigator.mediaDevices.getUserMedia(wanted);
      if (!dialog.open) return stop(); // closed while the browser asked
      video.srcObject = stream;
      await video.play();
      words.textContent = "What you take goes to this server, as a photo that you choose does.";
      button.disabled = false;
      return button.focus();
    } catch (problem) {
      words.textContent = REASONS[problem.name] ?? "The camera could not be started.";
      return stop();
    }
  };

  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
  };

  button.addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      dialog.close();
      taken += 1;
      if (blob) take([new File([blob], `camera ${taken}.jpg`, { type: blob.type })]);
    }, "image/jpeg", 0.95);
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", stop);
  shoot.addEventListener("click", () => (byHand ? shot.click() : start()));
};
