import { LineSplitter } from '../util/line-splitter.js';

/** Longer lines are no messages of the engine's. */
const MAX_LENGTH = 1024 * 1024;

/** The lines of a stream that are not empty. Unlike node:readline it ends, with an error, when the stream does. */
export async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  const splitter = new LineSplitter(MAX_LENGTH);
  for await (const chunk of stream.setEncoding('utf8')) {
    yield* splitter.push(chunk as string).filter((line) => line.trim() !== '');
  }
  if (splitter.rest.trim() !== '') yield splitter.rest;
}
