import { LineSplitter } from '../util/line-splitter.js';

/** The engine's messages are shorter. */
const MAX_LENGTH = 1024 * 1024;

/** Yields the non-empty lines of a stream. Unlike node:readline, it throws if the stream fails. */
export async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  const splitter = new LineSplitter(MAX_LENGTH);
  for await (const chunk of stream.setEncoding('utf8')) {
    yield* splitter.push(chunk as string).filter((line) => line.trim() !== '');
  }
  if (splitter.rest.trim() !== '') yield splitter.rest;
}
