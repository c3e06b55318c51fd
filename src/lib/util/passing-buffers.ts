let listener: ((bytes: number) => void) | undefined;

/** Call this after allocating `bytes` of buffers that soon become garbage, such as the chunks of a long stream. */
export function buffersPassed(bytes: number): void {
  listener?.(bytes);
}

/** Makes `hear` the only listener for such allocations in this process. */
export function onBuffersPassed(hear: (bytes: number) => void): void {
  listener = hear;
}
