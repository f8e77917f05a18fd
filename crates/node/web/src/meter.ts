/** Shows how loud a microphone is, so that one sees that it works before joining. */
export class Meter {
  private context: AudioContext | null = null;
  private frame = 0;

  /** Writes the level, 0 to 1, into the property `--level` of `target` until stopped or replaced. */
  follow(track: MediaStreamTrack | null, target: HTMLElement): void {
    this.stop();
    target.style.setProperty("--level", "0");
    if (!track || typeof AudioContext === "undefined") return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const draw = () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      target.style.setProperty("--level", Math.min(1, Math.sqrt(power) * 6).toFixed(2));
      this.frame = requestAnimationFrame(draw);
    };
    this.context = context;
    draw();
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    void this.context?.close();
    this.context = null;
  }
}
