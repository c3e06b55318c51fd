let listener: ((bytes: number) => void) | undefined;

/** To be called where buffers of so many bytes were made that are soon garbage, as parts of long streams are. */
export function buffersPassed(bytes: number): void {
  listener?.(bytes);
}

/** Tells `hear` of all such buffers of this process; the listener before it is told no more. */
export function onBuffersPassed(hear: (bytes: number) => void): void {
  listener = hear;
}
